"""Where the phases of validation stand in a plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec, FeaturesPhase, LoadPhase, PerformancePhase, ValidateSpec
from comporta.model.traffic import Slot
from comporta.model.values import from_json, to_json
from comporta.steps.plan import Plan
from comporta.steps.validate_features import ValidateFeatures
from comporta.steps.validate_performance import ValidatePerformance
from comporta.strategies import blue_green, canary, validation
from support import specs
from support.snapshots import serving

PHASES = ("ValidateHealth", "ValidatePerformance", "ValidateFeatures", "ValidateLoad")
Strategy = Callable[[EnvironmentSpec, Snapshot, Release], Plan]


def planned(strategy: Strategy, snapshot: Snapshot | None = None, **validate: object) -> Plan:
    asked = ValidateSpec(after_promotion=True, **validate)  # type: ignore[arg-type]  # in one dict
    return strategy(specs.spec(validate=asked), snapshot or serving(Slot.BLUE), specs.release(3))


def names(plan: Plan) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


@pytest.mark.parametrize("strategy", [blue_green.plan, canary.plan])
def test_users_are_asked_for_before_the_load_and_the_way_back_stays_until_the_end(strategy: Strategy) -> None:
    found = names(planned(strategy))
    load, health = found.index("ValidateLoad"), found.index("ValidateHealth")
    assert load < found.index("ShiftTraffic") < health
    assert found[health : health + 3] == list(PHASES[:3])
    assert found[health - 1] == "CheckService"
    assert found[health + 3] == "DrainSlot"


def test_the_load_meets_users_only_where_the_config_says_so() -> None:
    found = names(planned(blue_green.plan, load=LoadPhase(users=True)))
    assert found.index("ValidateLoad") == found.index("ValidateFeatures") + 1


def test_without_being_asked_for_no_deployment_validates() -> None:
    plan = blue_green.plan(specs.spec(), serving(Slot.BLUE), specs.release(3))
    assert not set(PHASES) & set(names(plan))


def test_a_phase_that_is_left_out_has_no_step() -> None:
    plan = planned(blue_green.plan, health=None, performance=None, features=None, load=None)
    assert not set(PHASES) & set(names(plan))


def test_performance_is_compared_with_the_release_before_where_it_runs() -> None:
    step = next(s for s in planned(blue_green.plan).steps if isinstance(s, ValidatePerformance))
    assert step.against is step.slot.other
    first = planned(blue_green.plan, specs.nothing_deployed())
    assert next(s for s in first.steps if isinstance(s, ValidatePerformance)).against is None


def test_the_blocks_of_twelve_pairs_and_of_one_that_warms_up_fill_the_time_of_the_performance_phase() -> None:
    shape = validation.shape(specs.spec(validate=ValidateSpec(performance=PerformancePhase(during=390.0))))
    assert (shape.pairs, shape.seconds) == (12, 10.0)  # thirteen times three blocks


def test_without_checks_and_smoke_tests_there_are_no_features_to_try() -> None:
    assert validation.features(specs.spec(smoke=()), Slot.GREEN) == []


def test_features_are_the_smoke_tests_unless_there_are_others() -> None:
    step = next(s for s in planned(blue_green.plan).steps if isinstance(s, ValidateFeatures))
    assert step.checks == specs.SPEC.smoke
    own = planned(blue_green.plan, features=FeaturesPhase(checks=specs.SPEC.health.checks))
    assert next(s for s in own.steps if isinstance(s, ValidateFeatures)).checks == specs.SPEC.health.checks


def test_a_plan_that_validates_can_be_stored() -> None:
    plan = planned(canary.plan)
    assert from_json(to_json(plan), Plan) == plan
    assert plan.slot in Slot
