"""What the plan says beforehand agrees with what the judge then does, and never promises what traffic cannot give."""

import math
import random
from statistics import median

import pytest
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.analysis.forecast import Traffic, forecast, log_spread, smallest_rise, time_to_detect, time_to_proof
from comporta.analysis.judge import Settings, begin, update
from comporta.analysis.memory import Memory
from comporta.model.figures import Counts
from comporta.model.histogram import Histogram

SETTINGS = Settings()


def traffic(rate: float, share: float = 0.05, errors: float = 0.01) -> Traffic:
    return Traffic(candidate=rate * share, stable=rate * (1 - share), error_rate=errors, log_spread=0.6)


def test_at_fifty_requests_a_second_five_points_more_are_found_in_about_a_minute() -> None:
    assert time_to_detect(SETTINGS, traffic(50), 0.05) == pytest.approx(55, rel=0.2)
    assert time_to_proof(SETTINGS, traffic(50)) == pytest.approx(400, rel=0.2)


def test_the_forecast_agrees_with_simulated_rollouts() -> None:
    ends = []
    for seed in range(30):
        rng, state, now = random.Random(seed), begin(Counts(requests=10_000, app_errors=100)), 0
        while not state.failed:
            failed = [sum(rng.random() < p for _ in range(n)) for n, p in ((25, 0.06), (475, 0.01))]
            candidate, stable = Counts(requests=25, app_errors=failed[0]), Counts(requests=475, app_errors=failed[1])
            state, now = (
                update(SETTINGS, state, Block(start=now, seconds=1, candidate=candidate, stable=stable)),
                now + 1,
            )
        ends.append(now)
    assert time_to_detect(SETTINGS, traffic(500), 0.05) == pytest.approx(median(ends), rel=0.5)


def test_more_traffic_and_more_time_find_smaller_regressions() -> None:
    rises = [smallest_rise(SETTINGS, traffic(rate), 300) or 1 for rate in (5, 50, 500, 5000)]
    assert rises == sorted(rises, reverse=True)
    assert (smallest_rise(SETTINGS, traffic(50), 900) or 1) < (smallest_rise(SETTINGS, traffic(50), 60) or 0)


def test_the_smallest_rise_is_found_just_in_time() -> None:
    rise = smallest_rise(SETTINGS, traffic(50), 120)
    assert rise is not None
    assert time_to_detect(SETTINGS, traffic(50), rise) == pytest.approx(120, rel=1e-6)


@pytest.mark.parametrize(
    "without", [Traffic(candidate=0, stable=5, error_rate=0.01), Traffic(candidate=0, stable=0, error_rate=0)]
)
def test_without_candidate_traffic_nothing_is_ever_found_or_proven(without: Traffic) -> None:
    expected = forecast(SETTINGS, without, 900)
    assert (expected.outage, expected.more_errors, expected.slower, expected.proof) == (None, None, None, None)


def test_low_traffic_cannot_prove_much_within_a_quarter_of_an_hour() -> None:
    expected = forecast(SETTINGS, traffic(5), 900)
    assert expected.block == 4
    assert expected.proof is not None
    assert expected.proof > 900
    assert expected.outage is not None
    assert expected.outage >= 2 * expected.block


def test_a_metric_with_more_of_the_budget_is_found_sooner() -> None:
    much, little = Settings(errors_share=0.9), Settings(errors_share=0.1)
    assert time_to_detect(much, traffic(50), 0.05) < time_to_detect(little, traffic(50), 0.05)
    slowdowns = [forecast(rules, traffic(50), 300).slower or 0 for rules in (much, little)]
    assert slowdowns[0] > slowdowns[1] > 1


def test_no_forecast_is_better_than_the_shortest_possible_abort() -> None:
    assert time_to_detect(SETTINGS, traffic(50_000), 0.99) == 2


def test_the_spread_of_latencies_is_that_of_their_logarithms() -> None:
    rng = random.Random(1)
    latencies = Histogram.of([0.08 * math.exp(0.6 * rng.gauss(0, 1)) for _ in range(5000)])
    assert log_spread(Memory.seeded(latencies)) == pytest.approx(0.6, rel=0.05)
    assert log_spread(Memory()) is None


def test_an_outage_is_every_request_failing_and_nothing_is_worse() -> None:
    outage = time_to_detect(SETTINGS, traffic(1), 0.99)
    assert forecast(SETTINGS, traffic(1), 900).outage == outage
    assert time_to_detect(SETTINGS, traffic(1), 5.0) == outage


def test_what_is_found_at_the_very_end_of_the_horizon_is_found() -> None:
    assert smallest_rise(SETTINGS, traffic(50_000), 2) is not None
    assert smallest_rise(SETTINGS, traffic(50_000), 1.9) is None


def test_a_slowdown_needs_both_traffic_and_a_known_spread() -> None:
    assert forecast(SETTINGS, replace(traffic(50), log_spread=None), 900).slower is None
    assert forecast(SETTINGS, replace(traffic(50), candidate=0.0), 900).slower is None
    assert forecast(SETTINGS, replace(traffic(50), candidate=0.0, stable=0.0), 900).slower is None


def test_where_there_is_no_room_for_the_margin_nothing_is_proven() -> None:
    assert time_to_proof(SETTINGS, traffic(50, errors=0.995)) == math.inf
    assert time_to_detect(SETTINGS, traffic(50, errors=0.0), 0.0) == math.inf
    assert time_to_proof(SETTINGS, traffic(50, errors=0.99)) == math.inf


def test_where_stable_never_fails_each_error_tells_as_much_as_the_share_is_small() -> None:
    level = -math.log(0.01) - math.log(0.6) - math.log(0.75 * 0.26)
    growth = 2.5 * 0.01 * math.log(1 / 0.05)
    assert time_to_detect(SETTINGS, traffic(50, errors=0.0), 0.01) == math.ceil(level / growth)


def test_where_only_an_outage_is_found_in_time_it_is_found() -> None:
    outage = time_to_detect(SETTINGS, traffic(1), 0.99)
    assert time_to_detect(SETTINGS, traffic(1), 0.49) > outage
    assert (smallest_rise(SETTINGS, traffic(1), outage) or 0) > 0.49
