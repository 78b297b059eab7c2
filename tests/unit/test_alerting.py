"""People are told once when a threshold is crossed, and once when it is over."""

from __future__ import annotations

from comporta.analysis.alerting import Alerts, Change, Crossing, crossings
from comporta.model.spec import Thresholds
from comporta.model.watching import Tally

SPEC = Thresholds()
CALM = SPEC.windows[0]
USUAL = Tally(requests=100_000, errors=1_000, timed=99_000, seconds=9_900.0)


def names(window: float, now: Tally, usual: Tally = USUAL) -> list[str]:
    return [crossing.measure for crossing in crossings(SPEC, window, now, usual)]


def crossing(measure: str = "errors", window: float = 300.0) -> Crossing:
    return Crossing(name=f"{measure}-{window:g}", measure=measure, window=window, severity="critical", message="bad")


def history(looks: list[tuple[float, list[Crossing]]]) -> list[tuple[float, str, bool]]:
    """What people were told, when."""
    alerts, told = Alerts(), []
    for now, found in looks:
        alerts, changes = alerts.seen(found, now, CALM)
        told += [(now, change.crossing.name, change.crossed) for change in changes]
    return told


def test_figures_like_the_baseline_cross_nothing() -> None:
    assert names(300.0, Tally(requests=1000, errors=15, timed=985, seconds=100.0, probes=300, failed=0)) == []


def test_errors_are_compared_in_points_above_the_baseline() -> None:
    assert names(300.0, Tally(requests=1000, errors=59)) == []
    assert names(300.0, Tally(requests=1000, errors=61)) == ["errors"]


def test_latency_is_compared_as_a_part_of_the_baseline() -> None:
    assert names(300.0, Tally(requests=1000, timed=1000, seconds=149.0)) == []
    assert names(300.0, Tally(requests=1000, timed=1000, seconds=151.0)) == ["latency"]


def test_availability_needs_no_baseline_and_no_traffic() -> None:
    assert names(300.0, Tally(probes=300, failed=1), Tally()) == []
    assert names(300.0, Tally(probes=300, failed=2), Tally()) == ["availability"]


def test_without_a_baseline_nothing_is_compared_with_it() -> None:
    assert names(300.0, Tally(requests=1000, errors=500), Tally(requests=99)) == []


def test_the_window_says_how_severe_it_is() -> None:
    found = [crossings(SPEC, window, Tally(requests=100, errors=50), USUAL)[0].severity for window in SPEC.windows]
    assert found == ["critical", "degradation", "trend"]


def test_flapping_around_a_threshold_is_one_alert_and_one_clearing() -> None:
    flapping = [(float(t), [crossing()] if t % 20 < 10 else []) for t in range(1000)]
    calm = [(float(t), []) for t in range(1000, 2000)]
    assert history(flapping + calm) == [(0.0, "errors-300", True), (989.0 + CALM, "errors-300", False)]


def test_a_longer_window_does_not_tell_what_a_shorter_one_has_told() -> None:
    both = [crossing(), crossing(window=1800.0)]
    looks = [(0.0, both), (300.0, both[1:]), (1000.0, both[1:]), (2000.0, both[1:])]
    assert history(looks) == [(0.0, "errors-300", True), (300.0, "errors-300", False), (2000.0, "errors-1800", True)]


def test_a_slow_degradation_is_told_by_the_longer_window_alone() -> None:
    assert history([(0.0, [crossing(window=1800.0)])]) == [(0.0, "errors-1800", True)]


def test_different_measures_are_told_apart() -> None:
    told = history([(0.0, [crossing(), crossing("latency")])])
    assert [name for _, name, _ in told] == ["errors-300", "latency-300"]


def test_what_is_told_carries_the_first_message() -> None:
    _, changes = Alerts().seen([crossing()], 0.0, CALM)
    assert changes == [Change(crossing=crossing(), crossed=True)]


def test_a_threshold_that_is_switched_off_is_never_crossed() -> None:
    bad = Tally(requests=1000, errors=900, unanswered=900, timed=100, seconds=1000.0, probes=10, failed=10)
    assert [c.measure for c in crossings(SPEC, 300.0, bad, USUAL)] == ["errors", "latency", "availability"]
    off = Thresholds(errors_increase=None, latency_increase=None, availability=None)
    assert crossings(off, 300.0, bad, USUAL) == []


def test_a_threshold_itself_is_not_crossed_yet() -> None:
    spec = Thresholds(availability=0.5)
    assert crossings(spec, 300.0, Tally(probes=10, failed=5), Tally()) == []
    assert crossings(spec, 300.0, Tally(probes=10, failed=6), Tally()) != []


def test_ten_requests_are_enough_and_a_hundred_for_the_baseline() -> None:
    assert names(300.0, Tally(requests=9, errors=9)) == []
    assert names(300.0, Tally(requests=10, errors=10)) == ["errors"]
    assert names(300.0, Tally(requests=10, errors=10), Tally(requests=99)) == []
    assert names(300.0, Tally(requests=10, errors=10), Tally(requests=100)) == ["errors"]


def test_every_window_beyond_the_third_is_a_trend() -> None:
    spec = Thresholds(windows=(60.0, 300.0, 1800.0, 86400.0, 172800.0))
    found = [crossings(spec, window, Tally(requests=100, errors=50), USUAL)[0] for window in spec.windows]
    assert [each.severity for each in found] == ["critical", "degradation", "trend", "trend", "trend"]


def test_a_crossing_says_what_was_measured_and_what_is_allowed() -> None:
    now = Tally(requests=1000, errors=100, timed=900, seconds=180.0, probes=100, failed=55)
    assert {each.name: each.message for each in crossings(SPEC, 300.0, now, USUAL)} == {
        "errors-300": "error rate 10.0 % over 300 s, allowed 6.0 %",
        "latency-300": "mean latency 0.2 s over 300 s, allowed 0.15 s",
        "availability-300": "availability 95.00 % over 300 s, allowed 99.50 %",
    }


def test_a_longer_window_tells_once_nothing_of_the_shorter_ones_alert_is_left_in_it() -> None:
    longer = [crossing(window=1800.0)]
    looks = [(0.0, [crossing()]), (300.0, []), (1799.0, longer), (1800.0, longer)]
    assert history(looks)[2:] == [(1800.0, "errors-1800", True)]


def test_the_same_window_tells_again_after_it_was_over() -> None:
    looks = [(0.0, [crossing()]), (300.0, []), (400.0, [crossing()])]
    assert history(looks)[2:] == [(400.0, "errors-300", True)]


def test_what_is_up_is_what_has_not_calmed_down() -> None:
    alerts, _ = Alerts().seen([crossing(), crossing("latency")], 0.0, CALM)
    assert [each.name for each in alerts.up] == ["errors-300", "latency-300"]
    alerts, _ = alerts.seen([crossing()], CALM, CALM)
    assert [each.name for each in alerts.up] == ["errors-300"]


def test_a_longer_window_that_was_calm_in_between_tells_again_though_its_window_is_not_over() -> None:
    longer = [crossing(window=1800.0)]
    told = history([(0.0, longer), (300.0, []), (400.0, longer)])
    assert told[2:] == [(400.0, "errors-1800", True)]


def test_what_a_shorter_window_told_late_in_the_day_counts_as_told_too() -> None:
    assert history([(5000.0, [crossing()]), (5300.0, []), (5400.0, [crossing(window=1800.0)])])[2:] == []
