"""Bounds of a proportion and of a median: what so many runs show, and what they do not."""

import math
from collections.abc import Callable, Sequence

OUTSIDE = 0.025  # on either side: 95 % bounds
_STEPS = 60


def bounds(hits: int, runs: int) -> tuple[float, float]:
    """The exact 95 % interval of a proportion.

    Source: Clopper & Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial"
    (1934).
    """
    highest = 1.0 if hits == runs else _largest(lambda p: _at_most(hits, runs, p) >= OUTSIDE)
    lowest = 0.0 if not hits else 1 - _largest(lambda p: _at_most(runs - hits, runs, p) >= OUTSIDE)
    return lowest, highest


def median_bounds(values: Sequence[float | None]) -> tuple[float, float]:
    """The 95 % interval of a median, where never is infinity: the values at two ranks, by the normal law."""
    ordered = sorted(math.inf if value is None else value for value in values)
    middle, reach = len(ordered) / 2, 0.98 * math.sqrt(len(ordered))
    return ordered[max(0, math.floor(middle - reach))], ordered[min(len(ordered) - 1, math.ceil(middle + reach))]


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest proportion for which it holds, as it does from 0 up to there: by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _at_most(hits: int, runs: int, p: float) -> float:
    """The probability of at most so many hits."""
    whole = math.lgamma(runs + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(runs - k + 1) + k * math.log(p) + (runs - k) * math.log1p(-p))
        for k in range(hits + 1)
    )
