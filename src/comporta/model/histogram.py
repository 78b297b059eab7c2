"""Latencies as counts in buckets of equal relative width: small, mergeable, the same edges everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter, mul

import msgspec

from comporta.model.values import Value

RELATIVE_WIDTH = 0.02
SHORTEST = 0.0001  # seconds
LONGEST = 600.0
_LOG_WIDTH = math.log1p(RELATIVE_WIDTH)
BUCKETS = math.ceil(math.log(LONGEST / SHORTEST) / _LOG_WIDTH)


def bucket_of(seconds: float) -> int:
    """The bucket that holds a latency; what is beyond the ends goes into the first or the last one."""
    if seconds <= SHORTEST:
        return 0
    return min(BUCKETS - 1, int(math.log(seconds / SHORTEST) / _LOG_WIDTH))


def seconds_of(bucket: int) -> float:
    """The geometric middle of a bucket, within 1 % of every latency in it."""
    return SHORTEST * math.exp((bucket + 0.5) * _LOG_WIDTH)


SECONDS = tuple(seconds_of(bucket) for bucket in range(BUCKETS))
_SQUARES = tuple(seconds**2 for seconds in SECONDS)


class Histogram(Value, frozen=True):
    """How many latencies fell into each bucket; empty buckets are left out. Treat `counts` as read-only."""

    counts: dict[int, int] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, latencies: Iterable[float]) -> Histogram:
        """From latencies in seconds."""
        counts: dict[int, int] = {}
        for seconds in latencies:
            bucket = bucket_of(seconds)
            counts[bucket] = counts.get(bucket, 0) + 1
        return cls(counts=counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def plus(self, other: Histogram) -> Histogram:
        if not self.counts or not other.counts:
            return other if other.counts else self
        counts = dict(self.counts)
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
        return Histogram(counts=counts)

    def faster_by(self, tolerance: float) -> Histogram:
        """Every latency divided by 1 + tolerance, rounded towards the faster bucket."""
        shift = math.ceil(math.log1p(tolerance) / _LOG_WIDTH - 1e-9)
        if not shift:
            return self
        counts: dict[int, int] = {}
        for bucket, count in self.counts.items():
            moved = max(0, bucket - shift)
            counts[moved] = counts.get(moved, 0) + count
        return Histogram(counts=counts)

    def at_least(self, seconds: float) -> Histogram:
        """Every latency below this one raised to it."""
        floor = bucket_of(seconds)
        counts: dict[int, int] = {}
        for bucket, count in self.counts.items():
            raised = max(floor, bucket)
            counts[raised] = counts.get(raised, 0) + count
        return Histogram(counts=counts)

    def quantile(self, share: float) -> float:
        """Nearest-rank quantile in seconds, within 2 % of the exact one; nan if empty."""
        return quantile(self.counts, share)

    @property
    def p50(self) -> float:
        return self.quantile(0.50)

    @property
    def p95(self) -> float:
        return self.quantile(0.95)

    @property
    def p99(self) -> float:
        return self.quantile(0.99)

    def moments(self) -> tuple[float, float]:
        """The sum of the latencies and the sum of their squares, within 1 % and 2 %."""
        first, second = self.sums((SECONDS, _SQUARES))
        return first, second

    def sums(self, columns: Iterable[Sequence[float]]) -> list[float]:
        """For each column, which holds what a latency is worth in each bucket, the sum over all latencies."""
        of_occupied = itemgetter(*self.counts, 0, 0)  # two more than counted, so that it always gives a tuple
        return [sum(map(mul, self.counts.values(), of_occupied(column))) for column in columns]


def quantile(counts: Mapping[int, float], share: float) -> float:
    """Nearest-rank quantile of weighted buckets, in seconds; nan if there are none."""
    bucket = quantile_bucket(counts, share)
    return math.nan if bucket is None else SECONDS[bucket]


def quantile_bucket(counts: Mapping[int, float], share: float) -> int | None:
    """The first bucket that, with those below it, holds at least `share` of the weight."""
    wanted = share * sum(counts.values()) * (1 - 1e-12)
    below = 0.0
    bucket = None
    for bucket in sorted(counts):
        below += counts[bucket]
        if below >= wanted:
            return bucket
    return bucket
