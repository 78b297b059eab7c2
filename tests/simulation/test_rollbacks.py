"""Rollbacks on virtual time: past whatever is under way, killed anywhere, two at once, by the watch and by a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, deploy
from comporta.app.deployments import Deployment, deployments
from comporta.app.locking import lock
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.status import status
from comporta.model.errors import ArtifactMissing, ComportaError, LeaseHeld, Refused, UsageError
from comporta.model.journal import Outcome
from comporta.model.spec import BlueGreenSpec, CanarySpec
from comporta.model.traffic import Slot
from comporta.strategies import blue_green, canary, emergency
from simulation.world import Crash, Fault, World, together
from support import specs

WAITS = BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=3600.0)
CANARY = CanarySpec(start=20, stages=(100,), watch=600.0, hold=20.0, min_hold=2.0, bake=300.0, warm_up=0.0)
MOMENTS = range(45)
"""More than there are in any rollback."""


def world(*versions: str, wait: float = 600.0) -> World:
    """These versions were deployed, one after the other; the last one serves, the one before is warm."""
    made = World(specs.spec(blue_green=WAITS, canary=CANARY))
    for version in versions:
        made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))
        made.wait(wait)
    assert live(made) == versions[-1]
    return made


def live(made: World) -> str:
    serving = made.snapshot().live
    assert serving is not None
    assert serving.running
    assert serving.occupant is not None
    return serving.occupant.release.version


def history(made: World) -> list[Deployment]:
    """Newest first."""
    return made.run(lambda ctx: deployments(ctx.journal, ctx.environment))


def refused(made: World, use_case: Callable[[Context], Awaitable[object]], error: type[ComportaError]) -> ComportaError:
    """The command changes nothing, and says why."""
    before = made.snapshot()
    with pytest.raises(error) as caught:
        made.run(use_case)
    assert made.snapshot() == before
    return caught.value


def kill_all(made: World) -> None:
    for slot in Slot:
        for index in (1, 2):
            made.runtime.kill(slot, index)


def outcome(ended: object) -> Outcome | None:
    assert isinstance(ended, Ended), ended
    return ended.deployment.outcome


# Where it goes


def test_it_goes_past_a_release_that_served_only_for_a_moment_and_says_so() -> None:
    made = world("1.0.0")
    for version, seconds in (("1.1.0", 20.0), ("1.2.0", 600.0)):
        made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))
        made.wait(seconds)
    ended = made.run(rollback)
    assert outcome(ended) is Outcome.PROMOTED
    assert live(made) == "1.0.0"
    assert any("1.1.0 (release 2): it served only" in note for note in ended.notes)


def test_where_the_artifact_is_gone_it_goes_to_the_next_best() -> None:
    made = world("1.0.0", "1.1.0", "1.2.0", "1.3.0")
    made.runtime.kill(Slot.BLUE, 1)  # 1.2.0 is not warm any more
    del made.versions["1.2.0"]
    ended = made.run(rollback)
    assert live(made) == "1.1.0"
    assert any("1.2.0 (release 3): cannot use" in note for note in ended.notes)


def test_a_named_release_whose_artifact_is_gone_is_refused_and_the_next_best_named() -> None:
    made = world("1.0.0", "1.1.0", "1.2.0", "1.3.0")
    del made.versions["1.1.0"]
    error = refused(made, lambda ctx: rollback(ctx, to="1.1.0"), ArtifactMissing)
    assert "`comporta rollback --to 1.2.0`" in error.next


def test_a_named_release_is_another_if_the_tag_names_another_artifact_now() -> None:
    made = world("1.0.0", "1.1.0", "1.2.0", "1.3.0")
    made.versions["1.1.0"] = "sha256:other"
    refused(made, lambda ctx: rollback(ctx, to="1.1.0"), ArtifactMissing)


def test_a_warm_release_serves_though_its_artifact_is_gone_and_that_is_told() -> None:
    made = world("1.0.0", "1.1.0")
    del made.versions["1.0.0"]
    ended = made.run(rollback)
    assert live(made) == "1.0.0"
    assert any("could not be started again" in note for note in ended.notes)


def test_with_no_artifact_left_it_says_so_and_changes_nothing() -> None:
    made = world("1.0.0", "1.1.0")
    made.runtime.kill(Slot.BLUE, 1)
    made.versions.clear()
    error = refused(made, rollback, ArtifactMissing)
    assert "1.0.0 (release 1)" in error.details[0]


# What is under way


@pytest.mark.parametrize("at", MOMENTS)
def test_killed_anywhere_the_next_command_takes_over_and_it_serves(at: int) -> None:
    made = world("1.0.0", "1.1.0")
    with suppress(Crash):
        made.run(rollback, Fault("crash", at))
    with suppress(UsageError):  # it had come to its end: there is nothing further back
        made.run(rollback)
    assert live(made) == "1.0.0"
    assert (made.broken, made.leases()) == ([], None)
    assert [d.outcome for d in history(made) if d.strategy == "rollback"] == [Outcome.PROMOTED]


@pytest.mark.parametrize("at", MOMENTS)
def test_an_emergency_killed_anywhere_is_taken_over_and_the_page_comes_down_at_its_end(at: int) -> None:
    made = world("1.0.0", "1.1.0")
    kill_all(made)
    with suppress(Crash):
        made.run(lambda ctx: rollback(ctx, emergency=True), Fault("crash", at))
    with suppress(UsageError):
        made.run(lambda ctx: rollback(ctx, emergency=True))
    assert live(made) == "1.0.0"
    assert not made.router.routing.maintenance
    assert (made.broken, made.leases()) == ([], None)


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("strategy", [blue_green.plan, emergency.plan])
def test_an_interrupted_deployment_is_undone_first_and_is_the_rollback_if_users_had_met_it(
    at: int, strategy: Callable[..., object]
) -> None:
    made = world("1.0.0", "1.1.0")
    with suppress(Crash):
        made.run(lambda ctx: deploy(ctx, "1.2.0", strategy), Fault("crash", at))  # type: ignore[arg-type]
    made.run(rollback)
    was = {d.version: d.outcome for d in history(made) if d.strategy != "rollback"}.get("1.2.0")
    met = was in (Outcome.ROLLED_BACK, Outcome.PROMOTED)
    assert live(made) == ("1.1.0" if met else "1.0.0"), was
    assert (made.broken, made.leases()) == ([], None)


@pytest.mark.parametrize("delay", [60.0, 250.0])
def test_a_canary_that_users_met_is_aborted_and_that_is_the_rollback(delay: float) -> None:
    made = world("1.0.0", "1.1.0")
    deployed, rolled = together(
        made, (0.0, lambda ctx: deploy(ctx, "1.2.0", canary.plan)), (delay, lambda ctx: rollback(ctx))
    )
    assert outcome(deployed) is Outcome.ROLLED_BACK
    assert isinstance(rolled, AlreadyLive)
    assert (rolled.version, live(made)) == ("1.1.0", "1.1.0")
    assert "was undone" in rolled.why


def test_a_canary_is_aborted_and_the_named_release_serves() -> None:
    made = world("1.0.0", "1.1.0")
    deployed, rolled = together(
        made,
        (0.0, lambda ctx: deploy(ctx, "1.2.0", canary.plan)),
        (60.0, lambda ctx: rollback(ctx, to="1.0.0", emergency=True)),
    )
    assert (outcome(deployed), outcome(rolled)) == (Outcome.ROLLED_BACK, Outcome.PROMOTED)
    assert (live(made), made.broken) == ("1.0.0", [])


def test_a_deployment_that_nobody_met_is_aborted_and_the_live_release_rolled_back() -> None:
    made = world("1.0.0", "1.1.0")
    made.sick.add("1.2.0")
    deployed, rolled = together(
        made, (0.0, lambda ctx: deploy(ctx, "1.2.0", blue_green.plan)), (5.0, lambda ctx: rollback(ctx))
    )
    assert (outcome(deployed), outcome(rolled)) == (Outcome.ABORTED, Outcome.PROMOTED)
    assert (live(made), made.broken) == ("1.0.0", [])


def test_a_locked_environment_is_left_alone() -> None:
    made = world("1.0.0", "1.1.0")
    made.run(lambda ctx: lock(ctx, "audit"))
    assert "audit" in refused(made, rollback, LeaseHeld).message


# Two at once


@pytest.mark.parametrize("wait", [0.0, 60.0])
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.1, 0.2, 1.0])
def test_two_operators_never_go_back_two_releases(delay: float, wait: float) -> None:
    made = world("1.0.0", "1.1.0", "1.2.0")
    first, second = together(
        made, (0.0, lambda ctx: rollback(ctx, wait=wait)), (delay, lambda ctx: rollback(ctx, wait=wait))
    )
    assert live(made) == "1.1.0"
    (other,) = (one for one in (first, second) if not isinstance(one, Ended))
    if isinstance(other, AlreadyLive):
        assert "has just rolled back" in other.why
    else:
        assert isinstance(other, LeaseHeld)
        assert not wait
        assert "under way" in other.message or "is at it" in other.message


@pytest.mark.parametrize("delay", [-0.2, -0.1, 0.0, 0.1, 0.2, 1.0])
def test_of_the_watch_and_a_person_one_wins_and_the_other_says_so(delay: float) -> None:
    made = world("1.0.0", "1.1.0", "1.2.0")
    person, watch = together(
        made,
        (max(0.0, -delay), lambda ctx: rollback(ctx, wait=60.0)),
        (max(0.0, delay), lambda ctx: rollback(ctx, automatic=3)),
    )
    won = [one for one in (person, watch) if isinstance(one, Ended)]
    lost = [one for one in (person, watch) if isinstance(one, AlreadyLive | Refused | LeaseHeld)]
    assert (len(won), len(lost)) == (1, 1)
    assert outcome(won[0]) is Outcome.PROMOTED
    assert live(made) == "1.1.0"


def test_the_watch_never_stops_a_person_who_mends_it() -> None:
    made = world("1.0.0", "1.1.0")
    deployed, watch = together(
        made,
        (0.0, lambda ctx: deploy(ctx, "1.2.0", emergency.plan)),
        (1.0, lambda ctx: rollback(ctx, automatic=2)),
    )
    assert outcome(deployed) is Outcome.PROMOTED
    assert isinstance(watch, LeaseHeld)


def test_there_is_no_loop_of_automatic_rollbacks() -> None:
    made = world("1.0.0", "1.1.0", "1.2.0")
    assert outcome(made.run(lambda ctx: rollback(ctx, automatic=3))) is Outcome.PROMOTED
    assert history(made)[0].automatic == 3
    assert "answered by deployment 4" in refused(made, lambda ctx: rollback(ctx, automatic=3), Refused).message
    assert "is an automatic rollback" in refused(made, lambda ctx: rollback(ctx, automatic=4), Refused).message
    assert live(made) == "1.1.0"
    made.wait(60.0)
    assert outcome(made.run(rollback)) is Outcome.PROMOTED, "a person may go on"


def test_an_automatic_rollback_that_failed_is_not_tried_again() -> None:
    made = world("1.0.0", "1.1.0")
    made.sick.add("1.0.0")
    assert outcome(made.run(lambda ctx: rollback(ctx, automatic=2))) is Outcome.ABORTED
    refused(made, lambda ctx: rollback(ctx, automatic=2), Refused)


def test_the_watch_does_nothing_about_a_release_that_serves_no_more() -> None:
    made = world("1.0.0", "1.1.0", "1.2.0")
    assert "not 1.1.0 any more" in refused(made, lambda ctx: rollback(ctx, automatic=2), Refused).message


# Emergencies, and what does not help


def test_when_nothing_serves_the_page_is_there_before_anything_else_and_goes_with_the_release() -> None:
    made = world("1.0.0", "1.1.0")
    kill_all(made)
    assert outcome(made.run(lambda ctx: rollback(ctx, emergency=True))) is Outcome.PROMOTED
    assert (live(made), made.broken) == ("1.0.0", [])
    assert not made.router.routing.maintenance


def test_a_page_that_an_emergency_left_goes_with_the_next_one_but_never_a_persons() -> None:
    made = world("1.0.0", "1.1.0")
    kill_all(made)
    made.sick.add("1.0.0")
    ended = made.run(lambda ctx: rollback(ctx, emergency=True))
    assert outcome(ended) is Outcome.INCIDENT or outcome(ended) is Outcome.ABORTED
    assert ended.maintenance
    made.sick.clear()
    made.run(lambda ctx: rollback(ctx, emergency=True))
    assert not made.router.routing.maintenance
    made.run(lambda ctx: ctx.ports.router.maintain("<p>mine"))
    made.run(lambda ctx: rollback(ctx, to="1.1.0", emergency=True))
    assert made.router.page == "<p>mine"


def test_what_all_releases_share_being_down_does_not_bring_the_bad_one_back() -> None:
    for emergent in (False, True):
        made = world("1.0.0", "1.1.0")
        made.unwell = True
        ended = made.run(lambda ctx, emergent=emergent: rollback(ctx, emergency=emergent))
        assert outcome(ended) is Outcome.PROMOTED
        assert live(made) == "1.0.0"
        assert any("not well" in note for note in ended.notes) is not emergent


def test_what_fails_once_it_serves_needs_a_person_and_has_no_way_back() -> None:
    for at in MOMENTS:
        made = world("1.0.0", "1.1.0")
        ended = made.run(rollback, Fault("fail", at))
        if live(made) == "1.0.0" and outcome(ended) is not Outcome.PROMOTED:
            assert outcome(ended) is Outcome.INCIDENT
            assert "no way back" in made.run(status).next
            return
    raise AssertionError("nothing failed after the switch")


def test_what_an_incident_left_behind_is_drained_before_the_next_release_takes_its_place() -> None:
    incidents = 0
    for at in MOMENTS:
        made = world("1.0.0", "1.1.0")
        incidents += outcome(made.run(rollback, Fault("fail", at))) is Outcome.INCIDENT
        made.run(lambda ctx: deploy(ctx, "1.2.0", blue_green.plan))
        assert made.broken == [], f"failed at {at}"
    assert incidents


def test_an_emergency_deployment_needs_no_service_that_is_well() -> None:
    made = world("1.0.0")
    made.unwell = True
    assert outcome(made.run(lambda ctx: deploy(ctx, "1.1.0", emergency.plan))) is Outcome.PROMOTED
