"""Plans: which steps, in which order, and back to what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.model.checks import HttpCheck
from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import BlueGreenSpec, CanarySpec, EnvironmentSpec, HealthSpec
from comporta.model.traffic import Routing, Slot, Traffic
from comporta.model.values import from_json, to_json
from comporta.steps.check_health import CheckHealth
from comporta.steps.check_service import CheckService
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.hold_slot import HoldSlot
from comporta.steps.keep_warm import KeepWarm
from comporta.steps.plan import Plan
from comporta.steps.set_maintenance import SetMaintenance
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.smoke_test import SmokeTest
from comporta.steps.start_instances import StartInstances
from comporta.steps.stop_instances import StopInstances
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import blue_green, canary, emergency, rollback, rolling
from support import specs
from support.snapshots import serving, snapshots

urgent = partial(rollback.plan, emergency=True, page="<p>Sorry")

plans = st.builds(
    lambda plan, snapshot, keep: plan(specs.spec(blue_green=BlueGreenSpec(keep_warm=keep)), snapshot, specs.release(3)),
    st.sampled_from([blue_green.plan, emergency.plan, rollback.plan, urgent]),
    snapshots,
    st.sampled_from([0.0, 60.0]),
)


def kinds(plan: Plan) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


def only(plan: Plan, kind: type) -> object:
    found = [step for step in plan.steps if isinstance(step, kind)]
    assert len(found) == 1
    return found[0]


@given(plans)
def test_a_plan_survives_the_journal_unchanged(plan: Plan):
    assert from_json(to_json(plan), Plan) == plan


@given(plans)
def test_no_plan_switches_before_it_has_seen_the_candidate_healthy(plan: Plan):
    order = kinds(plan)
    assert order.index("CheckHealth") < order.index("ShiftTraffic")


@given(plans)
def test_after_the_point_of_no_return_only_the_proof_is_left_but_a_rollback_has_no_way_back_once_it_serves(plan: Plan):
    assert kinds(plan)[-1] == "ProveLive"
    if plan.strategy == "rollback":
        assert plan.point_of_no_return == kinds(plan).index("ShiftTraffic") + 1
    else:
        assert plan.point_of_no_return >= len(plan.steps) - 2


@given(snapshots)
def test_a_deployment_never_touches_the_live_slot_before_the_switch(snapshot: Snapshot):
    plan = blue_green.plan(specs.spec(), snapshot, specs.release(3))
    started = only(plan, StartInstances)
    assert isinstance(started, StartInstances)
    assert started.slot is not snapshot.routing.traffic.live


@given(snapshots)
def test_the_way_back_of_the_switch_is_what_the_router_did_before(snapshot: Snapshot):
    shift = only(blue_green.plan(specs.spec(), snapshot, specs.release(3)), ShiftTraffic)
    assert isinstance(shift, ShiftTraffic)
    assert shift.back_to == snapshot.routing.traffic


def test_a_first_deployment_has_nothing_to_drain_or_keep():
    plan = blue_green.plan(specs.spec(), specs.nothing_deployed(), specs.release(1))
    assert plan.slot is Slot.BLUE
    assert "DrainSlot" not in kinds(plan)
    assert plan.replaces is None


@pytest.mark.parametrize("strategy", [blue_green.plan, canary.plan, rolling.plan, emergency.plan, rollback.plan])
def test_a_plan_says_which_release_it_replaces(strategy: Callable[[EnvironmentSpec, Snapshot, Release], Plan]):
    assert strategy(specs.spec(), serving(Slot.BLUE), specs.release(3)).replaces == specs.release(2).ref
    assert strategy(specs.spec(), specs.nothing_deployed(), specs.release(3)).replaces is None


def test_a_deployment_without_smoke_tests_has_no_step_for_them():
    tried = blue_green.plan(specs.spec(), serving(Slot.BLUE), specs.release(3))
    assert only(tried, SmokeTest) == SmokeTest(slot=Slot.GREEN, commands=specs.SPEC.smoke, host="shop.example")
    assert "SmokeTest" not in kinds(blue_green.plan(specs.spec(smoke=()), serving(Slot.BLUE), specs.release(3)))


def test_the_old_slot_is_kept_warm_as_configured_or_stopped():
    warm = blue_green.plan(specs.spec(), serving(Slot.BLUE), specs.release(3)).steps[-2]
    cold_spec: EnvironmentSpec = specs.spec(blue_green=BlueGreenSpec(keep_warm=0.0))
    cold = blue_green.plan(cold_spec, serving(Slot.BLUE), specs.release(3)).steps[-2]
    assert warm == KeepWarm(slot=Slot.BLUE, seconds=60.0)
    assert cold == StopInstances(slot=Slot.BLUE)


def test_a_live_slot_that_is_dead_is_not_kept_warm():
    plan = blue_green.plan(specs.spec(), serving(Slot.BLUE, up=False), specs.release(3))
    assert plan.steps[-2] == StopInstances(slot=Slot.BLUE)


def test_more_instances_reconfigure_the_router_and_the_same_number_does_not():
    def router_step(instances: int) -> ConfigureRouter:
        plan = blue_green.plan(specs.spec(instances=instances), serving(Slot.BLUE), specs.release(3))
        step = plan.steps[0]
        assert isinstance(step, ConfigureRouter)
        return step

    assert router_step(2).to == router_step(2).back_to
    assert len(router_step(3).to.blue) == 3
    # Fewer: the live slot still runs two, and loses none of them before the next deployment.
    assert len(router_step(1).to.blue) == 2


def test_a_rollback_to_a_warm_slot_starts_nothing():
    plan = rollback.plan(specs.spec(), serving(Slot.BLUE, warm=1), specs.release(1))
    assert "StartInstances" not in kinds(plan)
    assert only(plan, HoldSlot) == HoldSlot(slot=Slot.GREEN, warm_until=1e12)


def test_a_rollback_to_a_release_that_is_not_warm_starts_it_in_the_free_slot():
    plan = rollback.plan(specs.spec(), serving(Slot.BLUE, warm=1), specs.release(9))
    started = only(plan, StartInstances)
    assert isinstance(started, StartInstances)
    assert started.restore, "the warm slot comes back if the rollback is aborted"


def test_a_rollback_to_a_release_that_is_not_warm_or_without_a_router_brings_the_router_in_order():
    def first(snapshot: Snapshot, number: int) -> str:
        return kinds(rollback.plan(specs.spec(), snapshot, specs.release(number)))[0]

    warm = serving(Slot.BLUE, warm=1)
    without = msgspec.structs.replace(warm, routing=msgspec.structs.replace(warm.routing, running=False))
    assert (first(warm, 1), first(warm, 9), first(without, 1)) == ("HoldSlot", "ConfigureRouter", "ConfigureRouter")


def test_a_release_that_is_started_for_a_rollback_must_be_healthy_and_in_an_emergency_only_live():
    ready = specs.spec(health=HealthSpec(checks=(specs.SPEC.health.checks[0], HttpCheck(name="database"))))

    def asked(plan: Plan) -> list[str]:
        check = only(plan, CheckHealth)
        assert isinstance(check, CheckHealth)
        return [each.name for each in check.checks]

    assert asked(rollback.plan(ready, serving(Slot.BLUE), specs.release(1))) == ["api", "database"]
    assert asked(urgent(ready, serving(Slot.BLUE), specs.release(1))) == ["api"]


def test_a_release_that_failed_and_is_kept_for_a_look_is_neither_warm_nor_restored():
    plan = rollback.plan(specs.spec(), serving(Slot.BLUE, warm=1, failed=True), specs.release(1))
    started = only(plan, StartInstances)
    assert isinstance(started, StartInstances)
    assert not started.restore
    assert "HoldSlot" not in kinds(plan)


def test_undo_says_whether_the_candidate_is_kept_or_stopped():
    def said(snapshot: Snapshot, keep_failed: float = 3600.0) -> str:
        plan = blue_green.plan(specs.spec(keep_failed=keep_failed), snapshot, specs.release(3))
        return plan.steps[1].undo_title

    assert said(serving(Slot.BLUE)) == "keep green without traffic for 1h, for a look"
    assert said(serving(Slot.BLUE, warm=1, failed=True)) == "keep green without traffic for 1h, for a look"
    assert said(serving(Slot.BLUE, warm=1)) == "stop green, start 1.1.0 there again"
    assert said(serving(Slot.BLUE), keep_failed=0.0) == "stop green"


def test_a_rollback_skips_smoke_tests_and_watching():
    plan = rollback.plan(specs.spec(), serving(Slot.BLUE, warm=1), specs.release(1))
    assert not {"SmokeTest", "WatchTraffic", "Confirm"} & set(kinds(plan))
    assert isinstance(only(plan, CheckHealth), CheckHealth)


def test_a_warm_release_is_asked_only_whether_it_lives_and_the_router_is_left_as_it_is():
    ready = specs.spec(health=HealthSpec(checks=(specs.SPEC.health.checks[0], HttpCheck(name="database"))))
    plan = rollback.plan(ready, serving(Slot.BLUE, warm=1), specs.release(1))
    check = only(plan, CheckHealth)
    assert isinstance(check, CheckHealth)
    assert [asked.name for asked in check.checks] == ["api"]
    assert check.timeout == 10, "it has been up all the time"
    assert kinds(plan)[:3] == ["HoldSlot", "CheckHealth", "ShiftTraffic"]


def test_what_is_down_for_everybody_is_told_after_a_rollback_and_turns_nothing_back():
    check = only(rollback.plan(specs.spec(), serving(Slot.BLUE, warm=1), specs.release(1)), CheckService)
    assert isinstance(check, CheckService)
    assert check.advisory


@pytest.mark.parametrize(("configured", "seconds"), [(10.0, 10.0), (300.0, 30.0)])
def test_advice_after_a_rollback_keeps_nobody_waiting(configured: float, seconds: float):
    patient = specs.spec(blue_green=BlueGreenSpec(final_timeout=configured))
    check = only(rollback.plan(patient, serving(Slot.BLUE, warm=1), specs.release(1)), CheckService)
    assert isinstance(check, CheckService)
    assert check.timeout == seconds


def test_in_an_emergency_the_page_comes_first_and_goes_as_soon_as_the_release_serves():
    plan = urgent(specs.spec(), serving(Slot.BLUE, up=False), specs.release(1))
    order = kinds(plan)
    assert plan.steps[0] == SetMaintenance(page="<p>Sorry")
    assert plan.steps[order.index("ShiftTraffic") + 1] == SetMaintenance(page=None)
    assert "CheckService" not in order


def test_where_no_router_runs_it_is_brought_up_before_the_page():
    down = msgspec.structs.replace(
        serving(Slot.BLUE, up=False), routing=Routing(running=False, topology=None, traffic=Traffic())
    )
    assert kinds(urgent(specs.spec(), down, specs.release(1)))[:2] == ["ConfigureRouter", "SetMaintenance"]


def test_an_emergency_keeps_the_way_back_warm_whatever_the_config_says_but_not_where_nothing_ran():
    impatient = specs.spec(blue_green=BlueGreenSpec(keep_warm=0.0))
    kept = emergency.plan(impatient, serving(Slot.BLUE), specs.release(3))
    assert kept.steps[-2] == KeepWarm(slot=Slot.BLUE, seconds=3600.0)
    dead = emergency.plan(impatient, serving(Slot.BLUE, up=False), specs.release(3))
    assert dead.steps[-2] == StopInstances(slot=Slot.BLUE)


def test_an_emergency_asks_first_tries_nothing_and_watches_twice_as_long():
    plan = emergency.plan(specs.spec(), serving(Slot.BLUE), specs.release(3))
    watch = only(plan, WatchTraffic)
    assert isinstance(watch, WatchTraffic)
    assert kinds(plan)[0] == "Confirm"
    assert not {"SmokeTest", "CheckService"} & set(kinds(plan))
    assert watch.seconds == 2 * specs.SPEC.blue_green.stabilize


@given(snapshots, st.integers(1, 9), st.integers(1, 99))
def test_a_canary_gives_requests_only_to_instances_that_were_seen_to_be_healthy(
    snapshot: Snapshot, instances: int, start: int
) -> None:
    """What listens at the address of one that is being launched may be Docker's proxy, which drops what it takes."""
    stages = tuple(stage for stage in (25, 50, 75) if stage > start)
    spec = specs.spec(instances=instances, canary=CanarySpec(start=start, stages=(*stages, 100)))
    plan = canary.plan(spec, snapshot, specs.release(3))
    healthy = 0
    for step in plan.steps:
        if isinstance(step, CheckHealth):
            healthy = step.instances
        if isinstance(step, ShiftTraffic):
            assert (step.to.instances_in(plan.slot) or instances) <= healthy
