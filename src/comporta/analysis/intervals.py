"""Intervals that stay right however often one looks: they cover the truth at all times at once with 1 - error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from comporta.model.values import Value

_STEPS = 60


class Interval(Value, frozen=True):
    """An estimate and the range around it."""

    estimate: float
    low: float
    high: float


def rate_interval(events: float, trials: float, error: float, phi: float = 1.0) -> Interval:
    """Of a share of requests, by Robbins' beta-binomial mixture with the prior Beta(½, ½).

    All p with p^k (1-p)^(n-k) ≥ error · B(k+½, n-k+½)/B(½, ½). Burstiness φ makes n requests count as n/φ.
    Source: Howard et al., "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021).
    """
    if not trials:
        return Interval(estimate=0.0, low=0.0, high=1.0)
    k, n = events / phi, trials / phi
    estimate = events / trials
    level = log_beta(k + 0.5, n - k + 0.5) - log_beta(0.5, 0.5) + math.log(error)

    def plausible(p: float) -> bool:
        return _times_log(k, p) + _times_log(n - k, 1 - p) >= level

    return Interval(estimate=estimate, low=_edge(plausible, estimate, 0.0), high=_edge(plausible, estimate, 1.0))


def odds_interval(likelihoods: Sequence[float], log_odds: Sequence[float], error: float) -> Interval:
    """Of the odds ratio: all ω whose likelihood is at least `error` times that of the grid's uniform mixture.

    The log-likelihood is concave in log ω, so beyond the grid's last plausible point it stays below the line through
    the two points before: where that line meets the level is a safe edge. An end of the grid that is itself plausible
    means that nothing is known beyond: 0 or infinity.
    """
    top = max(likelihoods)
    mixture = top + math.log(sum(math.exp(each - top) for each in likelihoods) / len(likelihoods))
    level = mixture + math.log(error)
    best = (
        likelihoods.index(top) if top > min(likelihoods) else min(range(len(log_odds)), key=lambda i: abs(log_odds[i]))
    )
    points = list(zip(log_odds, likelihoods, strict=True))
    above, below = _log_edge(points[best:], level), _log_edge(points[best::-1], level)
    return Interval(
        estimate=math.exp(log_odds[best]),
        low=0.0 if below is None else math.exp(below),
        high=math.inf if above is None else math.exp(above),
    )


def _log_edge(points: Sequence[tuple[float, float]], level: float) -> float | None:
    """Walking outward from the best point: the farthest place that can still be plausible; None if there is no end."""
    for place, (outside, likelihood) in enumerate(points):
        if likelihood >= level:
            continue
        if place < 2 or points[place - 2][1] <= points[place - 1][1]:
            return outside
        (inner, higher), (x, y) = points[place - 2 : place]
        slope = (y - higher) / (x - inner)
        crossing = x + (level - y) / slope
        return crossing if abs(crossing - x) < abs(outside - x) else outside
    return None


def _edge(plausible: Callable[[float], bool], inside: float, outside: float) -> float:
    """Bisection from a plausible to an implausible value, ending on the outer side: `outside` if all is plausible."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if plausible(middle) else (inside, middle)
    return outside


def _times_log(count: float, p: float) -> float:
    if not count:
        return 0.0
    return count * math.log(p) if p > 0 else -math.inf


def log_beta(a: float, b: float) -> float:
    """log B(a, b)."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
