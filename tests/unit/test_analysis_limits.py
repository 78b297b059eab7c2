"""The kill rules: catastrophes end a rollout, chance, a burst and an outage of both do not."""

from typing import Any

import pytest
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.analysis.limits import SHORTEST_WINDOW, Limits, Sums, Watch, broken_rules
from comporta.model.figures import Counts
from comporta.model.histogram import Histogram


def counts(requests: int, errors: int = 0, seconds: float = 0.1) -> Counts:
    return Counts(requests=requests, app_errors=errors, latencies=Histogram.of([seconds] * (requests - errors)))


def block(candidate: Counts, stable: Counts, *, seconds: int = SHORTEST_WINDOW, **values: float) -> Block:
    return Block(start=0, seconds=seconds, candidate=candidate, stable=stable, values=values)


def pair(candidate: float | None, stable: float | None, requests: int = 200) -> Block:
    """A block in which a queue of each role was measured."""
    values, stable_values = ({} if value is None else {"queue": value} for value in (candidate, stable))
    return replace(block(counts(requests), STABLE, **values), stable_values=stable_values)


def watched(*blocks: Block, limits: Limits | None = None, phi: float = 1.0) -> Watch:
    watch = Watch()
    for each in blocks:
        watch = watch.after(each, limits or Limits(), phi)
    return watch


STABLE = counts(2000, 20)
SICK = block(counts(200, 30), STABLE)
WELL = block(counts(200, 2), STABLE)


def test_two_windows_in_a_row_beyond_a_limit_kill_and_say_why() -> None:
    assert watched(SICK, SICK).killed == "the candidate fails 15.0% of requests, above 10.0%"


@pytest.mark.parametrize("blocks", [[SICK], [SICK, WELL, SICK], [WELL, WELL, WELL]])
def test_anything_less_does_not(blocks: list[Block]) -> None:
    assert not watched(*blocks).killed


def test_what_was_killed_stays_killed() -> None:
    assert watched(SICK, SICK, WELL, WELL).killed


def test_a_window_waits_for_a_minimum_of_candidate_requests() -> None:
    few = block(counts(40, 20), STABLE)
    assert not watched(*[few] * 5).killed  # the second window of 120 requests is not full
    assert watched(*[few] * 6).killed


def test_a_window_lasts_half_a_minute_so_that_a_burst_cannot_fill_it() -> None:
    second = block(counts(1000, 500), counts(9000, 90), seconds=1)
    assert not watched(*[second] * (2 * SHORTEST_WINDOW - 1)).killed
    assert watched(*[second] * (2 * SHORTEST_WINDOW)).killed


def test_an_outage_of_both_roles_is_no_reason_to_kill() -> None:
    down = block(counts(200, 110), counts(2000, 1000))
    assert not watched(down, down, down).killed


def test_roughness_widens_what_counts_as_chance() -> None:
    slightly = block(counts(200, 14), STABLE)
    assert watched(slightly, slightly).killed
    assert not watched(slightly, slightly, phi=4.0).killed


RULES: list[tuple[dict[str, Any], Counts, str]] = [
    ({"errors": 0.10}, counts(500, 60), "errors"),
    ({"errors_above_stable": 0.02}, counts(500, 40), "errors-above-stable"),
    ({"latency": 10.0}, counts(500, seconds=11.0), "latency"),
    ({"latency_above_stable": 3.0}, counts(500, seconds=3.5), "latency-above-stable"),
]
OFF: dict[str, Any] = {"errors": None, "errors_above_stable": None, "latency": None, "latency_above_stable": None}


@pytest.mark.parametrize(("limit", "candidate", "rule"), RULES)
def test_each_of_the_runbooks_limits_is_a_rule_that_can_be_switched_off(
    limit: dict[str, Any], candidate: Counts, rule: str
) -> None:
    sums = Sums().plus(candidate), Sums().plus(STABLE)
    assert list(broken_rules(*sums, Limits(**{**OFF, **limit}), 1.0)) == [rule]
    assert not broken_rules(*sums, Limits(**OFF), 1.0)


def test_a_window_in_which_nobody_answered_breaks_nothing() -> None:
    assert not broken_rules(Sums(), Sums(), Limits(), 1.0)


def test_any_metric_can_have_a_limit_that_two_blocks_in_a_row_must_break() -> None:
    limits = Limits(values={"queue": 100.0})
    over, under, silent = (block(STABLE, STABLE, **values) for values in ({"queue": 101.0}, {"queue": 100.0}, {}))
    assert watched(over, over, limits=limits).killed == "queue is 101, above 100, for two blocks"
    assert not watched(over, under, over, silent, over, limits=limits).killed


COMPARED = Limits(ratios={"queue": 1.5})
EQUAL = pair(10.0, 10.0)
WORSE = pair(16.0, 10.0)


def test_any_metric_can_be_compared_with_stable_and_the_reason_has_both_values() -> None:
    assert watched(EQUAL, WORSE, WORSE, limits=COMPARED).killed == (
        "queue is 16, above 1.5 times stable's 10, for two blocks"
    )
    assert not watched(EQUAL, WORSE, EQUAL, WORSE, limits=COMPARED).killed


@pytest.mark.parametrize("silent", [pair(16.0, None), pair(None, 10.0), pair(None, None)])
def test_a_comparison_needs_the_values_of_both_roles(silent: Block) -> None:
    assert not watched(EQUAL, silent, silent, limits=COMPARED).beyond
    assert not watched(EQUAL, WORSE, silent, WORSE, limits=COMPARED).killed


def test_a_comparison_needs_a_full_window_before_it_kills() -> None:
    few = pair(1000.0, 10.0, requests=30)
    assert not watched(*[few] * 4, limits=COMPARED).killed  # the fourth one fills it
    assert watched(*[few] * 4, limits=COMPARED).beyond == ("queue is 1000, above 1.5 times stable's 10",)
    assert watched(*[few] * 5, limits=COMPARED).killed


@pytest.mark.parametrize(
    ("candidate", "stable", "beyond"),
    [
        (15.0, 10.0, False),
        (15.1, 10.0, True),
        (0.0, 0.0, False),
        (0.001, 0.0, True),
        (-0.001, 0.0, False),
        (-10.0, -10.0, False),
        (-5.0, -10.0, False),
        (-4.9, -10.0, True),
    ],
)
def test_the_ratio_of_nothing_and_of_less_than_nothing(candidate: float, stable: float, beyond: bool) -> None:
    assert bool(watched(pair(candidate, stable), limits=COMPARED).beyond) is beyond


def test_a_metric_can_be_both_bounded_and_compared_and_each_limit_needs_two_blocks_of_its_own() -> None:
    limits = Limits(values={"queue": 100.0}, ratios={"queue": 1.5})
    high, apart = pair(101.0, 90.0), pair(16.0, 10.0)
    assert not watched(EQUAL, high, apart, high, limits=limits).killed
    assert watched(high, high, limits=limits).killed == "queue is 101, above 100, for two blocks"
    assert watched(EQUAL, apart, apart, limits=limits).killed.startswith("queue is 16, above 1.5 times")
