"""The plan of a canary: who gets which share, for how long, and what is asked before it gets more."""

from __future__ import annotations

from typing import TypeVar

import pytest

from comporta.model.spec import CanarySpec, EnvironmentSpec, MetricQuery, MetricsSpec
from comporta.model.traffic import Slot
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import Plan
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.start_instances import StartInstances
from comporta.steps.step import Step
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import canary
from support import specs
from support.snapshots import serving

NEW = Slot.GREEN
SERVING = serving(Slot.BLUE, instances=4)
Kind = TypeVar("Kind", bound=Step)


def asked(*, instances: int = 4, **changes: object) -> EnvironmentSpec:
    return specs.spec(instances=instances, **changes)


def planned(spec: EnvironmentSpec) -> Plan:
    return canary.plan(spec, SERVING, specs.release(3))


def all_of(plan: Plan, kind: type[Kind]) -> list[Kind]:
    return [step for step in plan.steps if isinstance(step, kind)]


def shares(plan: Plan) -> list[tuple[int | None, int | None]]:
    """The candidate's percent after each switch, and how many of its instances get them; None: all that there are."""
    switches = all_of(plan, ShiftTraffic)
    return [(step.to.weights and step.to.weights.of(NEW), step.to.instances_in(NEW)) for step in switches]


def test_a_canary_tries_out_and_asks_first_then_judges_each_share_and_watches_the_whole() -> None:
    assert [type(step).__name__ for step in planned(asked()).steps] == [
        *["ConfigureRouter", "StartInstances", "CheckHealth", "SmokeTest", "Confirm"],
        *["ShiftTraffic", "JudgeTraffic"] * 3,
        *["ScaleInstances", "CheckHealth", "ShiftTraffic", "JudgeTraffic"] * 2,
        *["ScaleInstances", "CheckHealth", "ShiftTraffic", "WatchTraffic"],
        *["CheckService", "DrainSlot", "KeepWarm", "ProveLive"],
    ]
    untried = [type(step).__name__ for step in planned(asked(smoke=())).steps]
    assert "SmokeTest" not in untried


def test_as_many_instances_as_its_share_needs_serve_the_candidate() -> None:
    plan = planned(asked())
    assert shares(plan) == [(5, 1), (10, 1), (25, 1), (50, 2), (75, 3), (100, None)]
    assert [step.to.instances for step in all_of(plan, StartInstances)] == [1]
    assert [(step.back_to.instances, step.to.instances) for step in all_of(plan, ScaleInstances)] == [
        (1, 2),
        (2, 3),
        (3, 4),
    ]


def test_a_share_that_needs_a_part_of_an_instance_more_gets_it() -> None:
    plan = planned(asked(instances=3, canary=CanarySpec(start=34, stages=(67, 100))))
    assert shares(plan) == [(34, 2), (67, None), (100, None)]


def test_each_share_follows_the_one_before_and_all_go_back_to_stable() -> None:
    switches = all_of(planned(asked()), ShiftTraffic)
    before = SERVING.routing.traffic
    assert [step.coming_from for step in switches] == [before, *[step.to for step in switches[:-1]]]
    assert {step.back_to for step in switches} == {before}


def test_the_first_share_is_judged_for_long_and_each_later_one_for_some_time_at_least() -> None:
    plan = planned(asked(canary=CanarySpec(watch=900.0, hold=120.0, min_hold=30.0)))
    judged, switches = all_of(plan, JudgeTraffic), all_of(plan, ShiftTraffic)
    assert [(step.roles.share, step.limit, step.settle) for step in judged] == [
        (0.05, 900, 0),
        *[(share, 120, 30) for share in (0.1, 0.25, 0.5, 0.75)],
    ]
    assert {(step.roles.candidate, step.roles.stable) for step in judged} == {(3, 2)}
    assert [step.traffic for step in judged] == [step.to for step in switches[:-1]]
    assert [step.instances for step in judged] == [1, 1, 1, 2, 3]
    assert [step.settings for step in judged] == [canary.settings(asked())] * 5


def test_no_share_is_judged_for_longer_than_it_is_held() -> None:
    judged = all_of(planned(asked(canary=CanarySpec(hold=20.0, min_hold=30.0))), JudgeTraffic)
    assert {(step.limit, step.settle) for step in judged[1:]} == {(20, 20)}


@pytest.mark.parametrize(("then", "seconds"), [("hold", 7200), ("abort", 0)])
def test_a_verdict_that_stays_open_waits_for_a_person_only_where_the_config_says_so(then: str, seconds: float) -> None:
    spec = asked(canary=CanarySpec(on_inconclusive=then, hold_for=7200.0))
    assert {step.hold for step in all_of(planned(spec), JudgeTraffic)} == {seconds}


def test_with_all_of_the_traffic_there_is_nobody_to_compare_with() -> None:
    (watch,) = all_of(planned(asked()), WatchTraffic)
    assert watch == WatchTraffic(slot=NEW, release=3, instances=4, seconds=120.0, max_error_rate=0.05)


def test_each_metric_is_asked_for_and_has_the_limits_that_it_was_given() -> None:
    bounded, compared = (
        MetricQuery(name="memory", query="m", max=0.9),
        MetricQuery(name="queue", query="q", max_ratio=2),
    )
    spec = asked(metrics=MetricsSpec(url="http://prometheus", queries=(bounded, compared)))
    assert {step.queries for step in all_of(planned(spec), JudgeTraffic)} == {(bounded, compared)}
    limits = canary.settings(spec).limits
    assert (limits.values, limits.ratios) == ({"memory": 0.9}, {"queue": 2})
    assert {step.queries for step in all_of(planned(asked()), JudgeTraffic)} == {()}
