"""Histograms merge in any order, and tell quantiles within their bucket's width."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.memory import ENOUGH, RENEWAL, TIME_CONSTANT, Memory
from comporta.load.report import percentile
from comporta.model.histogram import BUCKETS, LONGEST, RELATIVE_WIDTH, SHORTEST, Histogram, bucket_of, seconds_of
from comporta.model.values import from_json, to_json

latencies = st.lists(st.floats(SHORTEST * 1.001, LONGEST * 0.999), max_size=60)


@given(latencies, latencies, latencies)
def test_merging_is_commutative_associative_and_the_same_as_counting_at_once(
    a: list[float], b: list[float], c: list[float]
) -> None:
    x, y, z = Histogram.of(a), Histogram.of(b), Histogram.of(c)
    assert x.plus(y) == y.plus(x) == Histogram.of([*a, *b])
    assert x.plus(y).plus(z) == x.plus(y.plus(z))
    assert x.plus(Histogram()) == x
    assert x.plus(y).total == len(a) + len(b)


@given(latencies)
def test_sums_over_latencies_are_those_over_buckets_one_by_one(values: list[float]) -> None:
    histogram = Histogram.of(values)
    one_by_one = [(bucket, count) for bucket, count in histogram.counts.items() for _ in range(count)]
    worth = tuple(float(bucket % 7) for bucket in range(BUCKETS))
    assert histogram.sums([worth, worth]) == [sum(worth[bucket] for bucket, _ in one_by_one)] * 2
    assert histogram.moments() == (
        sum(count * seconds_of(bucket) for bucket, count in histogram.counts.items()),
        sum(count * seconds_of(bucket) ** 2 for bucket, count in histogram.counts.items()),
    )


@given(latencies.filter(bool), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_two_percent_of_the_exact_one(values: list[float], share: float) -> None:
    assert Histogram.of(values).quantile(share) == pytest.approx(percentile(values, 100 * share), rel=RELATIVE_WIDTH)


def test_named_quantiles_of_known_latencies() -> None:
    histogram = Histogram.of([0.001 * n for n in range(1, 101)])
    assert (histogram.p50, histogram.p95, histogram.p99) == pytest.approx((0.050, 0.095, 0.099), rel=RELATIVE_WIDTH)
    assert math.isnan(Histogram().p50)


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (SHORTEST, 0), (LONGEST * 2, BUCKETS - 1)])
def test_what_is_beyond_the_ends_goes_into_the_last_buckets(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


@given(st.integers(0, BUCKETS - 1))
def test_the_middle_of_a_bucket_lies_in_it(bucket: int) -> None:
    assert bucket_of(seconds_of(bucket)) == bucket


@given(latencies.filter(bool), st.floats(0, 3))
def test_a_tolerance_makes_latencies_faster_by_at_least_that_much(values: list[float], tolerance: float) -> None:
    histogram = Histogram.of([max(value, 0.01) for value in values])
    shifted = histogram.faster_by(tolerance)
    assert shifted.total == histogram.total
    factor = histogram.p50 / shifted.p50
    assert (1 + tolerance) * (1 - 1e-9) <= factor <= (1 + tolerance) * (1 + RELATIVE_WIDTH) * (1 + 1e-9)


def test_no_tolerance_changes_nothing() -> None:
    histogram = Histogram.of([0.1, 0.2])
    assert histogram.faster_by(0.0) == histogram


@given(latencies)
def test_a_histogram_survives_json(values: list[float]) -> None:
    histogram = Histogram.of(values)
    data = to_json(histogram)
    assert from_json(data, Histogram) == histogram
    assert all(isinstance(key, str) for key in data.get("counts", {}))


def test_moments_are_those_of_the_latencies() -> None:
    first, second = Histogram.of([1.0, 2.0, 3.0]).moments()
    assert first == pytest.approx(6, rel=0.01)
    assert second == pytest.approx(14, rel=0.02)


def test_a_memory_is_ready_once_it_holds_enough_and_then_changes_every_half_minute() -> None:
    few, many = Histogram.of([0.1] * (ENOUGH - 1)), Histogram.of([0.1] * ENOUGH)
    assert not Memory().after(few, 1).ready
    memory = Memory().after(many, 1)
    assert memory.ready
    waiting = memory.after(many, RENEWAL - 1)
    assert waiting.settled == memory.settled
    assert waiting.after(many, 1).settled != memory.settled


def test_a_memory_forgets_with_its_time_constant() -> None:
    memory = Memory.seeded(Histogram.of([0.1] * 1000)).after(Histogram(), TIME_CONSTANT)
    assert memory.total == pytest.approx(1000 / math.e, rel=1e-3)


def test_a_memory_tells_quantiles_of_what_is_not_settled_too() -> None:
    memory = Memory.seeded(Histogram.of([0.1] * 60)).after(Histogram.of([1.0] * 600), 1)
    assert memory.quantile(0.5) == pytest.approx(1.0, rel=RELATIVE_WIDTH)
    assert math.isnan(Memory().quantile(0.5))
