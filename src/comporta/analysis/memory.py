"""What a role's latencies were lately: a histogram that forgets with a time constant of ten minutes.

It changes only every half minute (sooner while it holds few values), so that what is derived from it can be reused.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from comporta.model.histogram import Histogram, quantile
from comporta.model.values import Value

TIME_CONSTANT = 600.0  # seconds
RENEWAL = 30.0  # seconds between two settled states
ENOUGH = 50  # values: below, nothing is derived from it
_NEGLIGIBLE = 1e-3
_DIGITS = 4  # enough, and short in the journal


class Memory(Value, frozen=True):
    """`settled` is the past that is used, as (bucket, weight) in order, of a `total` weight; `recent` is to join it."""

    settled: tuple[tuple[int, float], ...] = ()
    total: float = 0.0
    recent: Histogram = Histogram()
    recent_seconds: float = 0.0

    @classmethod
    def seeded(cls, past: Histogram) -> Memory:
        return cls._of({bucket: float(count) for bucket, count in past.counts.items()})

    @classmethod
    def _of(cls, weights: dict[int, float]) -> Memory:
        return cls(settled=tuple(sorted(weights.items())), total=sum(weights.values()))

    @property
    def ready(self) -> bool:
        return self.total >= ENOUGH

    def after(self, latencies: Histogram, seconds: float) -> Memory:
        """With a block of `seconds` added."""
        recent = self.recent.plus(latencies)
        passed = self.recent_seconds + seconds
        if passed < RENEWAL and self.ready:
            return replace(self, recent=recent, recent_seconds=passed)
        kept = math.exp(-passed / TIME_CONSTANT)
        weights = {
            bucket: round(weight * kept, _DIGITS) for bucket, weight in self.settled if weight * kept > _NEGLIGIBLE
        }
        for bucket, count in recent.counts.items():
            weights[bucket] = weights.get(bucket, 0.0) + count
        return self._of(weights)

    def quantile(self, share: float) -> float:
        """In seconds, of everything it holds; nan if that is nothing."""
        weights = dict(self.settled)
        for bucket, count in self.recent.counts.items():
            weights[bucket] = weights.get(bucket, 0.0) + count
        return quantile(weights, share)
