"""The kill rules: catastrophes end a rollout, chance, a burst and an outage of both do not."""

import math
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


def test_a_value_at_its_limit_is_not_beyond_it() -> None:
    at = block(counts(1000, 100), counts(1000))
    assert not watched(at, at, limits=Limits(errors=0.1, errors_above_stable=0.1)).killed


def test_limits_that_are_broken_one_after_the_other_do_not_kill() -> None:
    failing, slow = block(counts(200, 60), STABLE), block(counts(200, seconds=20.0), STABLE)
    assert not watched(failing, slow, failing, slow).killed


def test_a_window_holds_at_least_a_hundred_candidate_requests_and_thirty_seconds() -> None:
    assert (Limits().minimum, SHORTEST_WINDOW) == (100, 30)
    full = block(counts(100, 60), STABLE)
    assert watched(full, full).killed
    assert not watched(*[block(counts(99, 60), STABLE)] * 2).killed


def test_the_reasons_have_the_values_and_the_limits() -> None:
    sums = Sums().plus(counts(500, 100, seconds=15.0)), Sums().plus(counts(5000, 50, seconds=0.1))
    assert broken_rules(*sums, Limits(), 1.0) == {
        "errors": "the candidate fails 20.0% of requests, above 10.0%",
        "errors-above-stable": "the candidate fails 20.0% of requests, stable 1.0%",
        "latency": "the candidate takes 14.9 s on average, above 10 s",
        "latency-above-stable": "the candidate takes 14.9 s on average, stable 0.1 s",
    }


ABOVE = Limits(errors=None, errors_above_stable=0.0, latency=None, latency_above_stable=0.0)


@pytest.mark.parametrize(
    ("n_c", "n_s", "errors", "phi"), [(200, 2000, 20, 1.0), (3000, 150, 9, 1.0), (500, 500, 5, 3.0)]
)
def test_one_error_decides_whether_five_standard_errors_are_reached(
    n_c: int, n_s: int, errors: int, phi: float
) -> None:
    def reached(x: int) -> bool:
        pooled = (x + errors) / (n_c + n_s)
        return x / n_c - errors / n_s > 5 * math.sqrt(phi * pooled * (1 - pooled) * (1 / n_c + 1 / n_s))

    first = next(x for x in range(n_c) if reached(x))
    for x in (first - 1, first):
        told = broken_rules(Sums(requests=n_c, errors=x), Sums(requests=n_s, errors=errors), ABOVE, phi)
        assert list(told) == (["errors-above-stable"] if x == first else [])


@pytest.mark.parametrize(
    ("slow", "usual"), [((0.2, 0.5), (0.1, 0.4)), ((0.2, 0.2), (0.1, 0.25)), ((0.1, 0.9), (0.2, 0.2))]
)
def test_as_many_latencies_as_reach_five_standard_errors_of_the_means_are_needed(
    slow: tuple[float, ...], usual: tuple[float, ...]
) -> None:
    roles = [Sums().plus(Counts(requests=2, latencies=Histogram.of(each))) for each in (slow, usual)]

    def times(sums: Sums, n: int) -> Sums:
        return Sums(successes=2 * n, seconds=sums.seconds * n, squares=sums.squares * n)

    distance = roles[0].mean_latency - roles[1].mean_latency
    variances = sum(each.squares / 2 - each.mean_latency**2 for each in roles)
    first = math.floor(25 * variances / (2 * distance**2)) + 1
    for n in (first - 1, first):
        told = broken_rules(times(roles[0], n), times(roles[1], n), ABOVE, 1.0)
        assert list(told) == (["latency-above-stable"] if n == first else [])


def test_it_is_the_difference_of_the_means_that_is_limited() -> None:
    sums = Sums().plus(counts(500, seconds=4.0)), Sums().plus(counts(500, seconds=2.0))
    assert not broken_rules(*sums, Limits(), 1.0)


def test_it_is_the_difference_of_the_error_rates_that_is_limited() -> None:
    sums = Sums(requests=20_000, errors=600), Sums(requests=20_000, errors=300)
    assert not broken_rules(*sums, Limits(), 1.0)
    assert list(broken_rules(*sums, Limits(errors_above_stable=0.01), 1.0)) == ["errors-above-stable"]


def test_where_both_roles_fail_every_request_or_take_as_long_each_time_the_candidate_is_no_worse() -> None:
    down = Sums(requests=500, errors=500)
    assert not broken_rules(down, down, Limits(), 1.0)
    slow = Sums(requests=500, successes=500, seconds=6000.0, squares=72_000.0)
    assert not broken_rules(slow, slow, Limits(), 1.0)


def test_a_role_that_was_asked_nothing_neither_fails_nor_takes_time() -> None:
    assert not broken_rules(Sums(), Sums().plus(counts(500)), Limits(latency_above_stable=0.5), 1.0)


def test_where_stable_answered_nothing_the_candidates_latency_speaks_for_itself() -> None:
    told = broken_rules(Sums().plus(counts(500, seconds=4.0)), Sums(requests=500, errors=500), Limits(), 1.0)
    assert list(told) == ["latency-above-stable"]


def test_a_window_adds_up_what_its_blocks_hold() -> None:
    sums = Sums().plus(counts(3, 1, seconds=0.5)).plus(counts(5, 2, seconds=2.0))
    assert (sums.requests, sums.errors, sums.successes) == (8, 3, 5)
    assert (sums.seconds, sums.squares) == pytest.approx((2 * 0.5 + 3 * 2, 2 * 0.5**2 + 3 * 2**2), rel=0.05)
