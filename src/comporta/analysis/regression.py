"""Is a release slower than another one under the same load? Block by block, without a mean that one stall moves. Pure.

Each block gives one figure: its median latency, or the seconds each answer took when the service was kept busy. Blocks
of both releases that were made at the same time share what the machine did meanwhile, so their ratio is free of it:
the estimate is the median of the ratios, and its bounds are order statistics, which assume nothing about how the noise
is distributed (the sign test turned round: W. J. Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2).

Where the other release was measured earlier, all blocks are compared with all (Hodges and Lehmann's estimate with
Moses' bounds: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed., section 4.3). What differs then
is also how busy the machine was, and that only ever slows: so the estimate is the smaller one of that and the ratio of
the quick quarters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from comporta.model.load import LoadBlock
from comporta.model.values import Value

CONFIDENCE = 0.95
_Z = 1.6449  # the normal distribution's 95 % point


class Ratio(Value, frozen=True):
    """How many times as long the new release takes: the best estimate, and what it is at least (at 95 %)."""

    estimate: float
    least: float

    def beyond(self, limit: float) -> bool:
        """It is beyond the limit, and that it is slower at all is no chance."""
        return self.estimate > limit and self.least > 1.0


def paired(new: Sequence[float], old: Sequence[float]) -> Ratio:
    """Block by block, each pair made at the same time. All figures are positive."""
    logs = sorted(math.log(a / b) for a, b in zip(new, old, strict=True))
    index = _sign_bound(len(logs))
    return Ratio(estimate=math.exp(_median(logs)), least=math.exp(logs[index]) if index is not None else 0.0)


def unpaired(new: Sequence[float], old: Sequence[float]) -> Ratio:
    """All blocks with all others, made at another time."""
    m, n = len(new), len(old)
    logs = sorted(math.log(a / b) for a in new for b in old)
    index = math.floor(m * n / 2 - _Z * math.sqrt(m * n * (m + n + 1) / 12))
    quick = _quarter(new) / _quarter(old)
    least = math.exp(logs[index - 1]) if index >= 1 else 0.0
    return Ratio(estimate=min(math.exp(_median(logs)), quick), least=min(least, quick))


def latency_of(block: LoadBlock, floor: float) -> float:
    """The median latency of a block that was answered, in seconds; below the floor all are alike."""
    return max(block.latencies.p50, floor)


def cost_of(block: LoadBlock) -> float:
    """The seconds that each answer took while the service was kept busy."""
    return block.seconds / block.answered


def _sign_bound(count: int) -> int | None:
    """The index of the greatest value that the median exceeds with CONFIDENCE; None if there are too few values."""
    tail, index = 0.0, None
    for successes in range(count):
        tail += math.comb(count, successes) / 2**count
        if tail > 1 - CONFIDENCE:
            break
        index = successes
    return index


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _quarter(values: Sequence[float]) -> float:
    return sorted(values)[(len(values) - 1) // 4]
