"""Intervals hold the estimate, shrink with data, and cover the truth however often one looks."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.blocks import Table
from comporta.analysis.intervals import Interval, odds_interval, rate_interval
from comporta.analysis.rates import GRID, RateRules, Rates
from comporta.analysis.wealth import log_cap

RULES = RateRules.of(1.0, log_cap(0.6, 0.01), 0.01)


def odds_of(rates: Rates) -> Interval:
    return odds_interval(rates.likelihoods, RULES.log_odds, 0.05)


@given(st.integers(0, 10**6), st.data(), st.floats(1, 10))
def test_a_rate_lies_in_its_interval(trials: int, data: st.DataObject, phi: float) -> None:
    events = data.draw(st.integers(0, trials))
    interval = rate_interval(events, trials, 0.05, phi)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    calm = rate_interval(events, trials, 0.05)
    assert interval.high - interval.low >= calm.high - calm.low - 1e-9


def test_a_rate_without_requests_may_be_anything() -> None:
    assert rate_interval(0, 0, 0.05) == Interval(estimate=0, low=0, high=1)


def test_where_all_requests_may_be_one_burst_nothing_is_known_of_a_rate() -> None:
    assert rate_interval(1, 2, 0.05, phi=1000.0) == Interval(estimate=0.5, low=0.0, high=1.0)


def test_more_requests_make_a_rate_more_certain() -> None:
    widths = [rate_interval(n // 100, n, 0.05) for n in (100, 1000, 10_000, 1_000_000)]
    sizes = [interval.high - interval.low for interval in widths]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.001


def test_a_rate_is_covered_at_every_look_at_once() -> None:
    rng, missed = random.Random(11), 0
    for _ in range(200):
        events, outside = 0, False
        for n in range(1, 301):
            events += rng.random() < 0.1
            if n % 10 == 0:
                interval = rate_interval(events, n, 0.05)
                outside |= not interval.low <= 0.1 <= interval.high
        missed += outside
    assert missed <= 10  # 5 % of 200


def test_nothing_is_known_of_the_odds_before_the_first_error() -> None:
    assert odds_of(Rates()) == Interval(estimate=1.0, low=0.0, high=math.inf)


@pytest.mark.parametrize(
    ("candidate", "stable", "expected"), [(0.01, 0.01, 1.0), (0.06, 0.01, 6.3), (0.02, 0.06, 0.32)]
)
def test_the_odds_ratio_lies_in_its_interval(candidate: float, stable: float, expected: float) -> None:
    rng, rates = random.Random(3), Rates()
    for _ in range(300):
        x = sum(rng.random() < candidate for _ in range(50))
        y = sum(rng.random() < stable for _ in range(200))
        rates = rates.after(Table(x, 50, y, 200), 1, RULES)
    interval = odds_of(rates)
    assert interval.low <= expected <= interval.high
    assert interval.low <= interval.estimate <= interval.high
    assert interval.high / interval.low < 4


@given(st.floats(-6, 7), st.floats(0.5, 200))
def test_the_edges_of_the_odds_lie_outside_what_is_plausible_and_within_a_step_of_the_grid(
    peak: float, curvature: float
) -> None:
    log_odds = tuple(map(math.log, GRID))

    def likelihood(place: float) -> float:
        return -curvature * (place - peak) ** 2

    likelihoods = [likelihood(place) for place in log_odds]
    level = math.log(sum(math.exp(each - max(likelihoods)) for each in likelihoods) / len(GRID)) + max(likelihoods)
    level += math.log(0.05)
    interval = odds_interval(likelihoods, log_odds, 0.05)
    half = math.sqrt(max(0.0, -level) / curvature)
    for edge, place in ((interval.low, peak - half), (interval.high, peak + half)):
        if log_odds[0] < place < log_odds[-1] and 0 < edge < math.inf:
            assert (math.log(edge) - place) * (place - peak) >= -1e-6


def test_an_edge_of_the_odds_lies_on_the_line_through_the_two_points_before_but_within_the_grid() -> None:
    likelihoods = [-20.0, -2.0, 0.0, -2.0, -20.0]
    level = math.log(math.fsum(map(math.exp, likelihoods)) / 5) + math.log(0.05)
    wide = odds_interval(likelihoods, [-3.0, -1.0, 0.0, 1.0, 3.0], 0.05)
    assert math.log(wide.high) == pytest.approx(1 + (level + 2) / -2)
    assert math.log(wide.low) == pytest.approx(-math.log(wide.high))
    narrow = odds_interval(likelihoods, [-2.0, -1.0, 0.0, 1.0, 2.0], 0.05)
    assert (math.log(narrow.low), math.log(narrow.high)) == pytest.approx((-2, 2))
    assert narrow.estimate == 1


def test_an_edge_of_the_odds_next_to_the_likeliest_is_the_grids_next_point() -> None:
    found = odds_interval([-9.0, 0.0, -9.0, -30.0], [-1.0, 0.5, 2.0, 3.0], 0.05)
    assert (math.log(found.low), math.log(found.estimate), math.log(found.high)) == pytest.approx((-1, 0.5, 2))


def test_nothing_is_known_beyond_an_end_of_the_grid_that_is_plausible() -> None:
    assert odds_interval([-1.0, 0.0, -30.0], [-1.0, 0.0, 1.0], 0.05).low == 0
    assert odds_interval([-30.0, 0.0, -1.0], [-1.0, 0.0, 1.0], 0.05).high == math.inf


def test_all_odds_alike_are_estimated_as_equal_roles() -> None:
    assert odds_interval([-5.0] * 4, [-2.0, -1.0, 0.0, 3.0], 0.05).estimate == 1


def test_where_the_likeliest_odds_are_two_the_edges_are_the_grids_next_points() -> None:
    found = odds_interval([-30.0, 0.0, 0.0, -30.0], [-2.0, -1.0, 1.0, 2.0], 0.05)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-2, 2))


def test_odds_that_are_all_smaller_by_a_factor_have_edges_that_are_too() -> None:
    likelihoods, grid = [-20.0, -2.0, 0.0, -2.0, -20.0], [-3.0, -1.0, 0.0, 1.0, 3.0]
    here, there = (odds_interval(likelihoods, [x - shift for x in grid], 0.05) for shift in (0.0, 10.0))
    assert (there.low, there.high) == pytest.approx((here.low * math.exp(-10), here.high * math.exp(-10)))
    stretched = odds_interval(likelihoods, [3 * x for x in grid], 0.05)
    assert (stretched.low, stretched.high) == pytest.approx((here.low**3, here.high**3))


def test_requests_count_in_full_unless_they_come_in_bursts() -> None:
    assert rate_interval(5, 100, 0.05) == rate_interval(5, 100, 0.05, 1.0)
