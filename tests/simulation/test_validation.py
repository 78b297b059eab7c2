"""Validation on virtual time: what each phase finds, what is kept of it, and what comes of a failure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace

from comporta.app.deploy import deploy
from comporta.app.running import Ended
from comporta.app.settling import resume
from comporta.app.validating import Validation, validate
from comporta.model.checks import Target
from comporta.model.errors import CheckFailed, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.spec import BlueGreenSpec, FeaturesPhase, LoadPhase, ValidateSpec
from comporta.model.traffic import Slot
from comporta.steps.step import Facts
from comporta.steps.validate_health import ValidateHealth
from comporta.steps.validate_load import ValidateLoad
from comporta.strategies import blue_green
from comporta.testing.fake_load import FakeLoad
from comporta.testing.fake_probe import FakeProbe
from simulation.world import Crash, Fault, World
from support import specs

WARM = BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=3600.0)
USERS = ValidateSpec(load=LoadPhase(users=True))


def world(spec: ValidateSpec = USERS, **given: object) -> World:
    return World(specs.spec(validate=spec, blue_green=WARM), **given)  # type: ignore[arg-type]  # in one dict


def deployed(made: World, *versions: str) -> Ended:
    for version in versions:
        ended = made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))  # type: ignore[misc]
        assert isinstance(ended, Ended)
    return ended


def live(made: World) -> str | None:
    state = made.snapshot().live
    return state.occupant.release.version if state and state.occupant else None


def test_a_good_release_passes_all_phases_and_that_is_kept() -> None:
    made = world()
    deployed(made, "1.0.0", "1.1.0")
    found = made.run(validate)
    assert [phase.name for phase in found.phases] == ["health", "performance", "features", "load"]
    assert (found.failed, found.skipped) == (None, {})
    (record,) = made.records(Kind.VALIDATED)
    assert (record.data["passed"], record.data["release"]["version"]) == (True, "1.1.0")


def test_the_phases_last_as_long_as_the_config_says() -> None:
    made = world()
    deployed(made, "1.0.0", "1.1.0")
    taken = {phase.name: phase.seconds for phase in made.run(validate).phases}
    assert taken["health"] == pytest.approx(120, abs=3)
    assert taken["performance"] == pytest.approx(300, abs=5)
    assert taken["load"] == pytest.approx(900, abs=5)


@pytest.mark.parametrize(
    ("given", "phase"),
    [
        ({"takes": {"1.1.0": 0.08}}, "performance"),
        ({"bears": {"1.1.0": 45.0}}, "load"),  # of each of two instances; 100 are wanted
    ],
)
def test_a_regression_is_found_and_taken_back_with_the_phase_as_the_reason(given: object, phase: str) -> None:
    made = world(**given)  # type: ignore[arg-type]  # in one dict
    deployed(made, "1.0.0", "1.1.0")
    found: Validation = made.run(lambda ctx: validate(ctx, roll_back=True))
    assert found.failed is not None
    assert found.failed.name == phase
    assert live(made) == "1.0.0"
    assert made.records(Kind.OPENED)[-1].data["reason"] == f"validation failed in phase {phase}"


def test_without_being_asked_for_nothing_is_taken_back() -> None:
    made = world(takes={"1.1.0": 0.08})
    deployed(made, "1.0.0", "1.1.0")
    assert made.run(validate).failed is not None
    assert live(made) == "1.1.0"


def test_a_dead_instance_fails_the_first_phase_and_no_other_is_tried() -> None:
    made = world()
    deployed(made, "1.0.0", "1.1.0")
    made.kill(Slot.GREEN)
    found = made.run(validate)
    assert [phase.name for phase in found.phases] == ["health"]
    assert "keeps failing" in found.phases[0].error


def test_users_are_spared_the_load_by_default() -> None:
    made = world(ValidateSpec())
    deployed(made, "1.0.0")
    found = made.run(validate)
    assert list(found.skipped) == ["load"]
    assert made.run(lambda ctx: validate(ctx, users=True)).skipped == {}


def test_only_the_phases_asked_for_are_run() -> None:
    made = world()
    deployed(made, "1.0.0")
    found = made.run(lambda ctx: validate(ctx, only=("features",)))
    assert ([phase.name for phase in found.phases], found.skipped) == (["features"], {})


def test_where_nothing_is_deployed_there_is_nothing_to_validate() -> None:
    with pytest.raises(UsageError, match="nothing is deployed"):
        world().run(validate)


@pytest.mark.parametrize(("seconds", "passed"), [(0.06, True), (0.08, False)])
def test_the_last_good_baseline_of_another_release_counts_where_none_is_warm(seconds: float, passed: bool) -> None:
    made = world(takes={"1.1.0": seconds})
    deployed(made, "1.0.0")
    first = made.run(lambda ctx: validate(ctx, only=("performance",)))
    assert "nothing to compare with" in first.phases[0].facts["compared"]
    deployed(made, "1.1.0")
    made.wait(WARM.keep_warm + 1)
    found = made.run(lambda ctx: validate(ctx, only=("performance",)))
    assert (found.failed is None) == passed


AFTER = ValidateSpec(after_promotion=True, features=FeaturesPhase(checks=specs.SPEC.health.checks))


def test_a_deployment_that_validates_promotes_a_good_release_and_leaves_its_baseline() -> None:
    made = world(AFTER, takes={"1.1.0": 0.055})
    assert deployed(made, "1.0.0", "1.1.0").deployment.outcome is Outcome.PROMOTED
    assert sum("baseline" in record.data for record in made.records(Kind.DONE)) == 2


def test_a_deployment_that_validates_turns_back_from_a_slower_release() -> None:
    made = world(AFTER, takes={"1.1.0": 0.08})
    ended = deployed(made, "1.0.0", "1.1.0")
    assert ended.deployment.outcome is Outcome.ROLLED_BACK
    assert "phase performance" in ended.deployment.cause
    assert live(made) == "1.0.0"


def test_a_candidate_that_bears_too_little_never_gets_users() -> None:
    made = world(AFTER, bears={"1.1.0": 45.0})
    ended = deployed(made, "1.0.0", "1.1.0")
    assert ended.deployment.outcome is Outcome.ABORTED
    assert live(made) == "1.0.0"


def test_a_deployment_that_was_killed_at_any_point_of_its_validation_is_finished() -> None:
    killed = 0
    for at in range(0, 90, 7):
        made = world(AFTER)
        deployed(made, "1.0.0")
        with suppress(Crash):
            made.run(lambda ctx: deploy(ctx, "1.1.0", blue_green.plan), Fault("crash", at))
            continue
        killed += 1
        if made.records(Kind.OPENED)[-1].deployment == 2:
            assert made.run(resume).deployment.outcome is Outcome.PROMOTED, f"crashed at {at}"
            assert live(made) == "1.1.0"
        assert made.broken == []
    assert killed > 5


def test_a_slot_that_ends_during_the_validation_is_no_measure() -> None:
    made = World(specs.spec(validate=USERS), takes={"1.1.0": 0.08})  # warm for 60 s, and 120 s of health come first
    deployed(made, "1.0.0", "1.1.0")
    assert "nothing to compare with" in made.run(validate).phases[1].facts["compared"]


def test_a_release_that_answers_nothing_is_no_baseline() -> None:
    made = world(bears={"1.0.0": 1.0})
    deployed(made, "1.0.0")
    found = made.run(lambda ctx: validate(ctx, only=("performance",)))
    assert found.failed is not None
    assert "without an answer" in found.failed.error


def load_of(made: World, lost: int) -> Facts:
    """The load phase, where the first `lost` rungs go wrong."""
    asked = 0

    def takes(target: Target, rate: float) -> float | None:
        nonlocal asked
        asked += 1
        return None if asked <= lost else 0.05

    phase = ValidateLoad(
        slot=Slot.BLUE, instances=1, path="/", host="h", to=60.0, seconds=60.0, max_errors=0.01, within=1.0
    )
    load = FakeLoad(made.clock, takes)
    return made.run(lambda ctx: phase.do(replace(ctx.ports, load=load), made.clock.now()))


def test_a_rung_that_is_lost_once_is_tried_again_and_one_that_is_lost_twice_is_the_knee() -> None:
    made = world()
    deployed(made, "1.0.0")
    assert load_of(made, lost=1)["held"] == 60.0
    with pytest.raises(CheckFailed, match="bears 0 requests a second, wanted 60"):
        load_of(made, lost=2)


def health_of(healthy: Callable[[Target, float], bool]) -> Facts:
    """The health phase, 10 s long and asked each second; `healthy` at a moment of it."""
    made = world()
    deployed(made, "1.0.0")
    begin = made.clock.now()
    probe = FakeProbe(made.clock, lambda target: healthy(target, made.clock.now() - begin), seconds=0.0)
    phase = ValidateHealth(
        slot=Slot.BLUE, instances=2, checks=specs.SPEC.health.checks, host="shop.example", seconds=10.0, interval=1.0
    )
    return made.run(lambda ctx: phase.do(replace(ctx.ports, probes={"http": probe}), begin))


def test_two_failures_in_a_row_are_forgiven_and_three_are_not() -> None:
    assert health_of(lambda target, at: not 3.5 < at < 5.5)["rounds"] == 11
    with pytest.raises(CheckFailed, match="keeps failing"):
        health_of(lambda target, at: not 3.5 < at < 6.5)


def test_what_fails_at_the_end_is_asked_on_but_not_for_ever() -> None:
    assert health_of(lambda target, at: not 9.5 < at < 10.5)["rounds"] == 12
    with pytest.raises(CheckFailed, match="keeps failing"):
        health_of(lambda target, at: at < 9.5)
    with pytest.raises(CheckFailed, match="keeps failing"):
        health_of(lambda target, at: at < 9.5 or (target.index == 1) == (round(at) % 2 == 0))
