"""Fisher's noncentral hypergeometric law: how events divide among the roles, given how many there were in all.

Of `m` events among n_c + n_s requests, the candidate has x with probability f(x; ω) ∝ C(n_c, x) C(n_s, m - x) ω^x under
the odds ratio ω. Conditioning on m takes the common level out, so drift and outages of both roles cancel exactly.
Source: Fisher, "The logic of inductive inference" (1935).
"""

from __future__ import annotations

import math
from functools import lru_cache

from comporta.analysis.blocks import Table

_SMALL_SUPPORT = 20  # terms: up to here a polynomial cannot overflow
_NEGLIGIBLE = 45.0  # e^-45 of the largest term
_SAMPLES_PER_DEVIATION = 2.5


def log_likelihoods(table: Table, log_odds: tuple[float, ...]) -> list[float]:
    """log f(x; ω) for each ω, less a constant that is the same for all of them."""
    x = table.candidate_events
    partitions = log_partitions(table.candidate, table.stable, table.events, log_odds)
    return [x * log_ratio - partition for log_ratio, partition in zip(log_odds, partitions, strict=True)]


def is_informative(table: Table) -> bool:
    """Whether the margins leave more than one possible table."""
    return 0 < table.events < table.trials and table.candidate > 0 and table.stable > 0


@lru_cache(maxsize=1 << 15)
def log_partitions(n_c: int, n_s: int, m: int, log_odds: tuple[float, ...]) -> tuple[float, ...]:
    """log Σ_y C(n_c, y) C(n_s, m - y) ω^y for each ω, less the same constant for all of them."""
    lowest, highest = max(0, m - n_s), min(m, n_c)
    if highest - lowest <= _SMALL_SUPPORT:
        terms = _coefficients(n_c, n_s, m, lowest, highest)
        return tuple(lowest * log_ratio + math.log(_polynomial(terms, log_ratio)) for log_ratio in log_odds)
    constant = _log_term(n_c, n_s, m, lowest)
    return tuple(_strided_log_sum(n_c, n_s, m, log_ratio) - constant for log_ratio in log_odds)


def _coefficients(n_c: int, n_s: int, m: int, lowest: int, highest: int) -> list[float]:
    """C(n_c, y) C(n_s, m - y) for y = lowest … highest, divided by the first one."""
    terms = [1.0]
    for y in range(lowest, highest):
        terms.append(terms[-1] * ((n_c - y) * (m - y)) / ((y + 1) * (n_s - m + y + 1)))
    return terms


def _polynomial(coefficients: list[float], log_x: float) -> float:
    x, value = math.exp(log_x), 0.0
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


@lru_cache(maxsize=1 << 10)
def _log_term(n_c: int, n_s: int, m: int, y: int) -> float:
    """log(C(n_c, y) C(n_s, m - y)) less log(n_c! n_s!)."""
    return -(math.lgamma(y + 1) + math.lgamma(n_c - y + 1) + math.lgamma(m - y + 1) + math.lgamma(n_s - m + y + 1))


def _strided_log_sum(n_c: int, n_s: int, m: int, log_ratio: float) -> float:
    """The log-sum over every s-th term, times s.

    The law is a sum of independent 0/1 variables (its generating function has only real roots), so its characteristic
    function at t is at most exp(-σ²(1 - cos t)); with s ≤ σ/2.5, what aliasing adds is below e^-100.
    """
    mean, deviation = _mean_and_deviation(n_c, n_s, m, math.exp(log_ratio))
    lowest, highest = max(0, m - n_s), min(m, n_c)
    middle = min(highest, max(lowest, round(mean)))
    stride = max(1, int(deviation / _SAMPLES_PER_DEVIATION))
    peak = _log_term(n_c, n_s, m, middle) + middle * log_ratio
    total = 1.0
    for steps in (range(middle + stride, highest + 1, stride), range(middle - stride, lowest - 1, -stride)):
        for y in steps:
            below_peak = _log_term(n_c, n_s, m, y) + y * log_ratio - peak
            if below_peak < -_NEGLIGIBLE:
                break
            total += math.exp(below_peak)
    return peak + math.log(total * stride)


def _mean_and_deviation(n_c: int, n_s: int, m: int, ratio: float) -> tuple[float, float]:
    """Cornfield's approximation: the μ at which the expected table has the odds ratio, and its spread."""
    linear = (n_c + m) * ratio + n_s - m
    constant = ratio * n_c * m
    mean = 2 * constant / (linear + math.sqrt(max(0.0, linear * linear - 4 * (ratio - 1) * constant)))
    cells = (mean, n_c - mean, m - mean, n_s - m + mean)
    return mean, 1 / math.sqrt(sum(1 / max(cell, 0.5) for cell in cells))
