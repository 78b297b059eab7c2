"""A trigger is met by what lasted its whole window, and by nothing less."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.triggers import met, ratio_of, told
from comporta.model.spec import Trigger
from comporta.model.watching import Second, Tally

ERRORS = Trigger(measure="errors", limit=0.15, seconds=300.0)
LATENCY = Trigger(measure="latency", limit=10.0, seconds=120.0)
AVAILABILITY = Trigger(measure="availability", limit=0.05, seconds=60.0)

GOOD = Tally(requests=50, seconds=2.5, timed=50, probes=1)
BAD = {
    "errors": Tally(requests=50, errors=10, timed=40, seconds=2.0, probes=1),
    "latency": Tally(requests=50, timed=50, seconds=550.0, probes=1),
    "availability": Tally(requests=50, errors=50, unanswered=50, probes=1, failed=1),
}


def seconds(tallies: list[Tally], start: int = 0) -> list[Second]:
    return [Second(at=start + i, release=1, tally=tally) for i, tally in enumerate(tallies)]


def first_met(trigger: Trigger, series: list[Second], since: float = 0.0) -> int | None:
    """The first whole second at which it is met."""
    return next((until for until in range(series[-1].at + 2) if met(trigger, series, until, since)), None)


@pytest.mark.parametrize("trigger", [ERRORS, LATENCY, AVAILABILITY], ids=lambda t: t.measure)
def test_it_is_met_when_its_window_is_full_and_not_a_second_earlier(trigger: Trigger) -> None:
    bad = BAD[trigger.measure]
    window = int(trigger.seconds)
    assert first_met(trigger, seconds([GOOD] * 400 + [bad] * 400)) == 400 + window


@pytest.mark.parametrize("trigger", [ERRORS, LATENCY, AVAILABILITY], ids=lambda t: t.measure)
def test_what_lasts_one_second_less_does_nothing(trigger: Trigger) -> None:
    bad, window = BAD[trigger.measure], int(trigger.seconds)
    assert first_met(trigger, seconds([GOOD] * 400 + [bad] * window + [GOOD] * 400)) == 400 + window
    assert first_met(trigger, seconds([GOOD] * 400 + [bad] * (window - 1) + [GOOD] * 400)) is None


def test_a_release_that_is_bad_from_the_start_is_met_a_window_after_it_went_live() -> None:
    assert first_met(ERRORS, seconds([BAD["errors"]] * 400), since=50.5) == 351


def test_bursts_with_good_times_between_do_nothing() -> None:
    everything_fails = Tally(requests=50, errors=50, unanswered=50)
    assert first_met(ERRORS, seconds(([everything_fails] * 10 + [GOOD] * 90) * 10)) is None


def test_dead_instances_count_without_any_traffic() -> None:
    silent = [Tally(probes=1)] * 100 + [Tally(probes=1, failed=1)] * 100
    assert first_met(AVAILABILITY, seconds(silent)) == 160


def test_no_data_never_meets_anything() -> None:
    assert met(ERRORS, [], 1000, 0.0) is None
    assert first_met(ERRORS, seconds([Tally(requests=1, errors=1)] + [Tally()] * 400)) is None


def test_a_quarter_of_the_window_without_figures_is_no_evidence() -> None:
    bad = BAD["errors"]
    series = seconds([bad] * 150) + seconds([bad] * 75, start=225)
    assert first_met(ERRORS, series) is None


@pytest.mark.parametrize("rate", [3, 50, 500])
def test_a_rate_a_little_above_the_limit_is_met_soon_after_the_window_in_spite_of_chance(rate: int) -> None:
    draw = random.Random(rate)
    tallies = []
    for i in range(700):
        errors = sum(draw.random() < (0.2 if i >= 300 else 0.01) for _ in range(rate))
        tallies.append(Tally(requests=rate, errors=errors))
    found = first_met(ERRORS, seconds(tallies))
    assert found is not None
    assert 600 - 2 <= found <= 640


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=120), st.integers(0, 130))
def test_the_whole_window_is_beyond_the_limit_whenever_it_is_met(counts: list[tuple[int, int]], until: int) -> None:
    trigger = Trigger(measure="errors", limit=0.15, seconds=40.0)
    series = seconds([Tally(requests=max(pair), errors=min(pair)) for pair in counts])
    tally = met(trigger, series, until, 0.0)
    if tally is not None:
        inside = [s.tally for s in series if until - 40 <= s.at < until]
        assert sum(t.errors for t in inside) > 0.15 * sum(t.requests for t in inside)
        assert inside[-1].errors or not inside[-1].requests


def test_a_trigger_tells_the_value_the_window_and_the_limit() -> None:
    found = [told(trigger, BAD[trigger.measure]) for trigger in (ERRORS, LATENCY, AVAILABILITY)]
    assert found == [
        "error rate 20.0 % for 300 s, above 15.0 %",
        "mean latency 11 s for 120 s, above 10 s",
        "availability 0.00 % for 60 s, below 95.00 %",
    ]


def test_a_measure_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown measure 'mood'"):
        ratio_of("mood", GOOD)


def test_ten_requests_are_enough_and_nine_are_not() -> None:
    trigger = Trigger(measure="errors", limit=0.15, seconds=10.0)
    lone = Tally(requests=1, errors=1)
    assert met(trigger, seconds([lone] * 10), 10, 0.0) == Tally(requests=10, errors=10)
    assert met(trigger, seconds([lone] * 9), 10, 0.0) is None


def test_exactly_at_the_limit_is_not_beyond_it() -> None:
    trigger = Trigger(measure="errors", limit=0.5, seconds=4.0)
    assert met(trigger, seconds([Tally(requests=4, errors=2)] * 4), 4, 0.0) is None
    assert met(trigger, seconds([Tally(requests=4, errors=3)] * 4), 4, 0.0) is not None


def test_a_release_must_have_been_live_from_the_first_second_of_the_window() -> None:
    trigger = Trigger(measure="errors", limit=0.15, seconds=60.0)
    series = seconds([BAD["errors"]] * 100)
    assert met(trigger, series, 100, 40.0) is not None
    assert met(trigger, series, 100, 40.1) is None


def test_the_first_and_the_last_second_of_the_window_must_be_bad_too() -> None:
    bad = BAD["errors"]
    assert met(ERRORS, seconds([bad] * 300), 300, 0.0) is not None
    assert met(ERRORS, seconds([bad] * 299 + [GOOD]), 300, 0.0) is None
    assert met(ERRORS, seconds([GOOD] + [bad] * 299), 300, 0.0) is None


def test_ten_requests_are_enough_however_few_of_them_failed() -> None:
    trigger = Trigger(measure="errors", limit=0.15, seconds=8.0)
    assert met(trigger, seconds([Tally(requests=2, errors=1)] * 8), 8, 0.0) == Tally(requests=16, errors=8)
