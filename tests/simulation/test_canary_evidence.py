"""Canaries on virtual time: what there is no evidence for is never promoted, and nothing waits for ever."""

from __future__ import annotations

import msgspec
import pytest
import trio
from msgspec.structs import replace

from comporta.analysis.verdict import Kind as Verdict
from comporta.app.context import Context
from comporta.app.deploy import deploy
from comporta.app.judgement import judge, settings_of
from comporta.app.running import Ended
from comporta.app.settling import resume
from comporta.model.errors import MetricSourceFailure, RouterError
from comporta.model.figures import Reading
from comporta.model.journal import Kind, Outcome
from comporta.model.spec import CanarySpec, MetricQuery, MetricsSpec
from comporta.model.traffic import Slot
from comporta.strategies import blue_green, canary
from simulation.world import Crash, Fault, World
from support import specs

CANARY = CanarySpec(
    start=10, stages=(50, 100), watch=900.0, hold=120.0, min_hold=10.0, bake=60.0, on_inconclusive="abort"
)  # fmt: skip


def world(rate: float = 50.0, **changes: object) -> World:
    """1.0.0 serves; users come at a rate."""
    made = World(specs.spec(canary=CANARY, **changes), rate=rate)
    assert run(made, lambda ctx: deploy(ctx, "1.0.0", blue_green.plan)).deployment.outcome is Outcome.PROMOTED
    made.wait(60)
    return made


def run(made: World, use_case: object, fault: Fault | None = None) -> Ended:
    ended = made.run(use_case, fault)  # type: ignore[arg-type]  # each use case has its own kind of end
    assert isinstance(ended, Ended)
    assert made.broken == []
    return ended


async def deploying(ctx: Context) -> object:
    return await deploy(ctx, "1.1.0", canary.plan)


def not_promoted(made: World, ended: Ended) -> str:
    """Asserts that 1.0.0 serves as before, and returns the cause."""
    assert ended.deployment.outcome is Outcome.ROLLED_BACK
    live = made.snapshot().live
    assert live is not None
    assert live.occupant is not None
    assert live.occupant.release.version == "1.0.0"
    return ended.deployment.cause


def test_an_equal_release_is_promoted_before_the_longest_wait_is_over() -> None:
    made = world()
    ended = run(made, deploying)
    assert ended.deployment.outcome is Outcome.PROMOTED
    assert ended.deployment.seconds is not None
    assert ended.deployment.seconds < CANARY.watch


def test_a_release_that_fails_is_sent_back_at_once() -> None:
    made = world()
    made.failing.add("1.1.0")
    ended = run(made, deploying)
    assert "fails more requests" in not_promoted(made, ended)
    assert ended.deployment.seconds is not None
    assert ended.deployment.seconds < 30


@pytest.mark.parametrize("rate", [0.0, 1 / 60])
def test_without_enough_traffic_it_waits_and_then_aborts(rate: float) -> None:
    made = world(rate)
    ended = run(made, deploying)
    assert "no proof within 15m" in not_promoted(made, ended)


def test_an_outage_of_both_is_no_reason_to_abort() -> None:
    made = world()
    made.failing |= {"1.0.0", "1.1.0"}
    assert "no proof" in not_promoted(made, run(made, deploying))


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_a_clock_that_is_set_in_the_middle_neither_promotes_nor_hangs(seconds: float) -> None:
    made = world()
    made.failing.add("1.1.0")

    async def set_while_deploying(ctx: Context) -> object:
        async with trio.open_nursery() as nursery:

            async def set_it() -> None:
                await trio.sleep(3)
                made.clock.set_by = seconds

            nursery.start_soon(set_it)
            return await deploying(ctx)

    ended = run(made, set_while_deploying)
    assert "fails more requests" in not_promoted(made, ended)


class Gone:
    """A source of metrics that is not there any more."""

    async def value(self, query: str) -> float | None:
        raise MetricSourceFailure("cannot ask http://metrics: connection refused")


class Says:
    def __init__(self, value: float | None) -> None:
        self._value = value

    async def value(self, query: str) -> float | None:
        return self._value


QUEUE = MetricsSpec(url="http://metrics", queries=(MetricQuery(name="queue", query="queue_length", max=10.0),))


@pytest.mark.parametrize(
    ("source", "cause"),
    [(Gone(), "connection refused"), (Says(None), "queue: no data"), (Says(11.0), "queue is 11, above 10")],
)
def test_a_metric_that_says_nothing_or_too_much_promotes_nothing(source: Gone | Says, cause: str) -> None:
    made = world(metrics=QUEUE)
    made.metrics = source
    assert cause in not_promoted(made, run(made, deploying))


def test_a_metric_within_its_limit_is_no_hindrance() -> None:
    made = world(metrics=QUEUE)
    made.metrics = Says(9.0)
    assert run(made, deploying).deployment.outcome is Outcome.PROMOTED


class OfEach:
    """A source that has a value for each version: for 1.1.0 other ones as time goes on."""

    def __init__(self, stable: float | None, *candidate: float | None) -> None:
        self._stable = stable
        self._candidate = list(candidate)

    async def value(self, query: str) -> float | None:
        if query == 'queue_length{version="1.0.0"}':
            return self._stable
        assert query == 'queue_length{version="1.1.0"}'
        return self._candidate.pop(0) if len(self._candidate) > 1 else self._candidate[0]


LENGTH = 'queue_length{version="{version}"}'
COMPARED = MetricsSpec(url="http://metrics", queries=(MetricQuery(name="queue", query=LENGTH, max_ratio=1.5),))


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (Gone(), "connection refused"),
        (OfEach(None, 4.0), "queue: no data of stable"),
        (OfEach(4.0, None), "queue: no data of the candidate"),
        (OfEach(4.0, 7.0), "queue is 7, above 1.5 times stable's 4, for two blocks"),
    ],
)
def test_a_metric_that_cannot_be_compared_or_is_worse_than_stables_promotes_nothing(
    source: Gone | OfEach, cause: str
) -> None:
    made = world(metrics=COMPARED)
    made.metrics = source
    assert cause in not_promoted(made, run(made, deploying))


def test_what_was_measured_of_both_roles_is_judged_again_with_another_limit() -> None:
    made = world(metrics=COMPARED)
    made.metrics = OfEach(4.0, 7.0)
    ended = run(made, deploying)
    given = settings_of(ended.deployment)
    milder = replace(given, limits=replace(given.limits, ratios={"queue": 1.8}))
    failed, held = (trio.run(judge, made.journal, ended.deployment, settings)[-1] for settings in (given, milder))
    assert failed.verdict.reasons == ("queue is 7, above 1.5 times stable's 4, for two blocks",)
    assert not any("queue" in reason for reason in held.verdict.reasons)


def test_what_said_nothing_is_no_pass_when_it_is_judged_again() -> None:
    made = world(metrics=COMPARED)
    made.metrics = OfEach(None, 4.0)
    ended = run(made, deploying)
    judged = trio.run(judge, made.journal, ended.deployment, settings_of(ended.deployment))
    assert {j.verdict.reasons[0] for j in judged} == {"queue: no data of stable"}
    assert Verdict.PASS not in {j.verdict.kind for j in judged}


def test_nothing_is_promoted_while_a_metric_is_beyond_its_limit() -> None:
    made = world(metrics=COMPARED)
    made.metrics = OfEach(4.0, *[4.0, 7.0] * 5000)
    ended = run(made, deploying)
    judged = trio.run(judge, made.journal, ended.deployment, settings_of(ended.deployment))
    beyond = [j.verdict for j in judged if "queue is 7, above 1.5 times stable's 4" in j.verdict.reasons]
    assert beyond
    assert Verdict.PASS not in {verdict.kind for verdict in beyond}
    assert ended.deployment.outcome is Outcome.PROMOTED


def test_a_metric_as_good_as_stables_is_no_hindrance() -> None:
    made = world(metrics=COMPARED)
    made.metrics = OfEach(4.0, 6.0)
    assert run(made, deploying).deployment.outcome is Outcome.PROMOTED


def test_a_version_is_not_compared_with_itself() -> None:
    made = world(metrics=COMPARED)
    made.metrics = OfEach(4.0, 4.0)
    again = run(made, lambda ctx: deploy(ctx, "1.0.0", canary.plan, force=True))
    assert "queue: the query is the same for both roles" in not_promoted(made, again)


def test_a_log_that_is_gone_ends_the_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()

    class Logless(type(made.router)):  # type: ignore[misc]  # the same router, whose log somebody deletes
        async def count(self, since: str | None) -> Reading:
            if self.routing.traffic.split:
                raise RouterError("cannot count requests: there is no log")
            return await super().count(since)

    made.router.__class__ = Logless
    assert "there is no log" in not_promoted(made, run(made, deploying))


def test_a_restart_goes_on_with_what_was_measured_and_counts_nothing_twice() -> None:
    made = world()
    opportunities = 0
    while True:
        # Later and later, until it comes to its end without dying.
        opportunities += 7
        copy = world()
        try:
            run(copy, deploying, Fault("crash", opportunities))
            break
        except Crash:
            copy.wait(30)
            ended = run(copy, resume)
        assert ended.deployment.outcome is Outcome.PROMOTED, ended.deployment.cause
        check_measurements(copy, ended)
    check_measurements(made, run(made, deploying))


def check_measurements(made: World, ended: Ended) -> None:
    blocks = [r.data["block"] for r in made.records(Kind.MEASURED) if r.data.get("block")]
    starts = [block["start"] for block in blocks]
    assert starts == sorted(set(starts))
    counted = sum(block.get("candidate", {}).get("requests", 0) for block in blocks)
    served = sum(f.counts.requests for f in made._answered if f.release == ended.deployment.release)
    assert 0 < counted <= served
    judged = trio.run(judge, made.journal, ended.deployment, settings_of(ended.deployment))
    assert [j.at for j in judged] == [block["start"] + block["seconds"] for block in blocks]


def test_more_instances_come_with_a_larger_share_and_the_tested_ones_stay() -> None:
    made = world(instances=4)
    ended = run(made, deploying)
    titles = [step.title for step in ended.deployment.plan.steps if "add instances" in step.title]
    assert ["1 → 2" in titles[0], "2 → 4" in titles[1]] == [True, True]
    slot = made.snapshot().slot(ended.deployment.plan.slot)
    assert slot.running
    assert msgspec.structs.asdict(slot.instances[0])["restarts"] == 0
    assert slot.slot is Slot.GREEN
