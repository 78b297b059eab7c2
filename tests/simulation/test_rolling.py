"""Rolling deployments in the simulated world: whatever goes wrong and when, three instances serve."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from comporta.app.deploy import deploy
from comporta.app.running import Ended
from comporta.app.settling import abort, resume
from comporta.model.errors import UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Slot
from comporta.strategies import rolling
from simulation.world import Crash, Fault, World
from support import specs

MOMENTS = range(140)
"""More than there are in a rolling deployment of three instances."""


def serving() -> World:
    """Three instances of 1.0.0 serve."""
    world = World(specs.spec(instances=3))
    roll(world, "1.0.0")
    world.fewest = 1000
    return world


def roll(world: World, version: str, fault: Fault | None = None) -> Ended:
    ended = world.run(lambda ctx: deploy(ctx, version, rolling.plan), fault)
    assert isinstance(ended, Ended)
    return ended


def instances_of(snapshot: Snapshot) -> dict[str, int]:
    """Version → how many of its instances run for users."""
    found = [snapshot.slot(slot).occupant for slot in Slot]
    return {each.release.version: each.instances for each in found if each is not None and not each.failed}


def added(world: World) -> int:
    """How often a batch after the first was begun."""
    return len([r for r in world.records(Kind.INTENT) if r.data["title"].startswith("add instances")])


def test_a_good_release_replaces_one_instance_after_the_other_and_leaves_nothing_behind() -> None:
    world = serving()
    for version in ("1.1.0", "1.2.0"):
        ended = roll(world, version)
        assert ended.deployment.outcome is Outcome.PROMOTED
        assert instances_of(world.snapshot()) == {version: 3}
        assert ended.deployment.seconds is not None
        assert ended.deployment.seconds < 180
    assert world.fewest == 3
    assert world.router.reloads == 0


def test_a_release_that_never_gets_healthy_stops_at_the_first_instance_and_no_user_meets_it() -> None:
    world = serving()
    world.sick.add("1.1.0")
    assert roll(world, "1.1.0").deployment.outcome is Outcome.ABORTED
    assert instances_of(world.snapshot()) == {"1.0.0": 3}
    assert world.fewest == 3
    assert added(world) == 0


def test_a_release_that_fails_under_traffic_is_reversed_at_the_first_instance() -> None:
    world = serving()
    before = world.snapshot()
    world.failing.add("1.1.0")
    assert roll(world, "1.1.0").deployment.outcome is Outcome.ROLLED_BACK
    assert world.snapshot().routing.traffic == before.routing.traffic
    assert instances_of(world.snapshot()) == {"1.0.0": 3}
    assert world.fewest == 3
    assert added(world) == 0


@pytest.mark.slow
@pytest.mark.parametrize("settle", [resume, lambda ctx: abort(ctx, None)], ids=["resume", "abort"])
def test_killed_at_any_moment_it_is_finished_or_undone_and_three_instances_served_throughout(settle: Any) -> None:
    crashes = 0
    for at in MOMENTS:
        world = serving()
        with suppress(Crash):
            roll(world, "1.1.0", Fault("crash", at))
            continue
        crashes += 1
        if unfinished(world):
            try:
                world.run(settle)
            except UsageError:  # past its point of no return: it can only be finished
                world.run(resume)
        judge(world, f"killed at {at}")
    assert 60 < crashes < len(MOMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fail", "abort"])
def test_whatever_fails_and_whenever_somebody_aborts_three_instances_served_throughout(kind: str) -> None:
    for at in MOMENTS:
        world = serving()
        roll(world, "1.1.0", Fault(kind, at))
        judge(world, f"{kind} at {at}")


@pytest.mark.slow
def test_a_resumed_deployment_lets_no_request_go_to_an_instance_that_has_died_meanwhile() -> None:
    killed = 0
    for at in MOMENTS:
        world = serving()
        with suppress(Crash):
            roll(world, "1.1.0", Fault("crash", at))
        weights = world.router.routing.traffic.weights
        if unfinished(world) and weights is not None and weights.of(Slot.GREEN) < 67:
            world.runtime.kill(Slot.GREEN, 2)
            killed += 1
            world.run(resume)
        assert world.broken == [], f"killed at {at}"
    assert killed > 20


def unfinished(world: World) -> bool:
    return len(world.records(Kind.OPENED)) > len(world.records(Kind.FINISHED))


def judge(world: World, when: str) -> None:
    assert world.broken == [], when
    assert world.fewest >= 3, when
    last = world.records(Kind.FINISHED)[-1]
    outcome = Outcome(last.data["outcome"])
    version = "1.1.0" if outcome is Outcome.PROMOTED and last.deployment == 2 else "1.0.0"
    if outcome is not Outcome.INCIDENT:
        assert instances_of(world.snapshot()) == {version: 3}, when
