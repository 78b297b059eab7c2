"""Rolling plans: who gets requests at each moment, on the way there and back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.model.spec import RollingSpec, Stand
from comporta.model.traffic import Slot, Traffic
from comporta.model.values import from_json, to_json
from comporta.steps.check_health import CheckHealth
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import AnyStep, Plan
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.start_instances import StartInstances
from comporta.steps.stop_instances import StopInstances
from comporta.strategies import rolling
from support import specs
from support.snapshots import serving

NEW, OLD = Slot.GREEN, Slot.BLUE


def planned(instances: int, old: int, batch: int = 1, max_unavailable: int = 0) -> Plan:
    asked = RollingSpec(batch=batch, max_unavailable=max_unavailable)
    spec = specs.spec(instances=instances, rolling=asked)
    return rolling.plan(spec, serving(OLD, instances=old), specs.release(3))


@dataclass
class Followed:
    """A plan, followed step by step: what runs, what is known to be healthy, and who gets requests."""

    plan: Plan
    running: dict[Slot, int]
    traffic: Traffic
    healthy: dict[Slot, int] = field(default_factory=dict)
    fewest: int = 1000

    @classmethod
    def of(cls, plan: Plan, old: int) -> Followed:
        running = {NEW: 0, OLD: old}
        return cls(plan, running, serving(OLD, instances=old).routing.traffic, dict(running))

    def do(self, step: AnyStep) -> None:
        if isinstance(step, StartInstances):
            self.running[step.slot] = step.to.instances
        if isinstance(step, ScaleInstances):
            assert self.running[step.slot] == step.back_to.instances
            self._scale(step.slot, step.to.instances)
        if isinstance(step, CheckHealth):
            self.healthy[step.slot] = self.running[step.slot]
        if isinstance(step, ShiftTraffic):
            assert self.traffic == step.back_to
            self._shift(step.to)
        if isinstance(step, StopInstances):
            assert self._served(step.slot) == 0
            self.running[step.slot] = 0

    def undo(self, step: AnyStep) -> None:
        if isinstance(step, ScaleInstances) and step.to.instances < step.back_to.instances:
            assert step.healthy is not None
            assert step.healthy.instances == step.back_to.instances
            self.running[step.slot] = self.healthy[step.slot] = step.back_to.instances
        if isinstance(step, ShiftTraffic):
            self._shift(step.back_to)

    def _scale(self, slot: Slot, count: int) -> None:
        assert self._served(slot) <= count, "an instance that gets requests is taken away"
        self.running[slot] = count
        self.healthy[slot] = min(self.healthy[slot], count)

    def _shift(self, to: Traffic) -> None:
        self.traffic = to
        for slot in Slot:
            assert self._served(slot) <= self.healthy[slot], (
                "requests go to an instance that is not known to be healthy"
            )
        self.fewest = min(self.fewest, sum(self._served(slot) for slot in Slot))

    def _served(self, slot: Slot) -> int:
        if self.traffic.weights is None or not self.traffic.weights.of(slot):
            return 0
        count = self.traffic.instances_in(slot)
        return self.running[slot] if count is None else count


rollings = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 7), st.integers(0, 3))


@given(rollings)
def test_never_fewer_than_promised_get_requests_and_nobody_is_taken_away_under_them(args: tuple[int, ...]) -> None:
    instances, old, _, max_unavailable = args
    followed = Followed.of(planned(*args), old)
    for step in followed.plan.steps:
        followed.do(step)
    assert followed.fewest >= max(1, min(instances, old) - max_unavailable)
    assert followed.running == {NEW: instances, OLD: 0}
    assert followed.traffic.live is NEW


@given(rollings, st.integers(0, 100))
def test_the_way_back_is_as_safe_from_every_step(args: tuple[int, ...], turn: int) -> None:
    instances, old, _, max_unavailable = args
    plan = planned(*args)
    followed = Followed.of(plan, old)
    done = plan.steps[: min(turn, plan.point_of_no_return)]
    for step in done:
        followed.do(step)
    for step in reversed(done):
        followed.undo(step)
    assert followed.fewest >= max(1, min(instances, old) - max_unavailable)
    assert followed.running[OLD] == old
    assert followed.traffic == serving(OLD, instances=old).routing.traffic


@given(rollings)
def test_the_router_knows_each_share_and_each_number_beforehand(args: tuple[int, ...]) -> None:
    plan = planned(*args)
    router = plan.steps[0]
    assert isinstance(router, ConfigureRouter)
    for step in plan.steps:
        if isinstance(step, ShiftTraffic):
            assert step.to.split is None or router.to.has_stage(step.to.split)
            assert router.to.has_instances(step.to)


@given(rollings)
def test_a_rolling_plan_survives_the_journal_unchanged(args: tuple[int, ...]) -> None:
    assert from_json(to_json(planned(*args)), Plan) == planned(*args)


@pytest.mark.parametrize(
    ("batch", "max_unavailable", "expected"),
    [
        (1, 0, [(1, 2), (2, 1), (3, 0)]),
        (2, 0, [(2, 1), (3, 0)]),
        (5, 0, [(3, 0)]),
        (1, 1, [(0, 2), (1, 2), (1, 1), (2, 1), (3, 0)]),
        (1, 9, [(0, 2), (1, 2), (1, 1), (2, 1), (3, 0)]),
        (3, 1, [(0, 2), (3, 0)]),
        (3, 9, [(0, 1), (3, 0)]),
    ],
)
def test_the_stands_of_three_instances(batch: int, max_unavailable: int, expected: list[tuple[int, int]]) -> None:
    asked = RollingSpec(batch=batch, max_unavailable=max_unavailable)
    assert asked.stands(3) == [Stand(*each) for each in expected]


def test_shares_follow_the_instances_and_one_side_is_never_rounded_away() -> None:
    assert [stand.share for stand in RollingSpec().stands(3)] == [33, 67, 100]
    assert Stand(1, 999).share == 1
    assert Stand(999, 1).share == 99


def test_each_batch_is_judged_before_the_instances_that_it_replaces_go() -> None:
    kinds = [type(step).__name__ for step in planned(3, 3).steps]
    assert kinds == [
        "ConfigureRouter",
        *["StartInstances", "CheckHealth", "SmokeTest", "Confirm", "ShiftTraffic", "JudgeTraffic", "ScaleInstances"],
        *["ScaleInstances", "CheckHealth", "ShiftTraffic", "JudgeTraffic", "ScaleInstances"],
        *["ScaleInstances", "CheckHealth", "ShiftTraffic", "WatchTraffic"],
        *["CheckService", "DrainSlot", "StopInstances", "ProveLive"],
    ]
    judged = [step for step in planned(3, 3).steps if isinstance(step, JudgeTraffic)]
    assert [(step.instances, step.roles.share, step.needs_proof, step.hold) for step in judged] == [
        (1, 0.33, False, 0),
        (2, 0.67, False, 0),
    ]


def test_where_one_may_be_missing_an_old_one_goes_before_anything_starts_or_is_judged() -> None:
    plan = planned(3, 3, max_unavailable=1)
    assert [type(step).__name__ for step in plan.steps[:4]] == [
        *["ConfigureRouter", "ShiftTraffic", "ScaleInstances", "StartInstances"]
    ]
    shifts = [step.to for step in plan.steps if isinstance(step, ShiftTraffic)]
    assert [each.release_in(NEW) for each in shifts[:2]] == [None, specs.release(3).ref]
    assert shifts[0].instances_in(OLD) == 2


def test_where_fewer_run_than_the_config_asks_for_now_none_goes_before_its_turn() -> None:
    scaled = [step for step in planned(4, 2).steps if isinstance(step, ScaleInstances) and step.slot is OLD]
    assert [(step.back_to.instances, step.to.instances) for step in scaled] == [(2, 1)]


def test_where_nothing_serves_all_instances_start_at_once() -> None:
    plan = rolling.plan(specs.spec(), specs.nothing_deployed(), specs.release(1))
    assert plan.strategy == "blue-green"
