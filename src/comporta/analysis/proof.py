"""The proof of being no worse than a margin: evidence against "the candidate's rate ≥ the stable's + δ".

The e-value of a block is the likelihood of a guess made from the past, divided by that of its Kullback-Leibler
projection onto the null hypothesis. Source: Turner, Ly, Grünwald, "Generic E-Variables for Exact Sequential k-Sample
Tests that allow for Optional Stopping" (2024), theorem 1, for the convex null p_c ≥ p_s + δ.
"""

from __future__ import annotations

import math

from comporta.analysis.blocks import Table
from comporta.model.values import Value

_EQUAL, _SLIGHTLY_WORSE = 0.7, 0.3  # how the first stake is divided between the two guesses
_TIME_CONSTANT = 600.0  # seconds in which the past rate is forgotten
_ENOUGH = 50.0  # requests before a guess is made
_SAFE = 1e-9


class Proof(Value, frozen=True):
    """Two bets (both roles alike; the candidate worse by δ/3), and the pooled past rate that guesses are made from."""

    equal: float = 0.0
    slightly_worse: float = 0.0
    events: float = 0.0
    trials: float = 0.0

    @property
    def log_total(self) -> float:
        """The log of the mixture of both bets."""
        top = max(self.equal, self.slightly_worse)
        return top + math.log(
            _EQUAL * math.exp(self.equal - top) + _SLIGHTLY_WORSE * math.exp(self.slightly_worse - top)
        )

    def seeded(self, events: float, trials: float) -> Proof:
        return Proof(events=events, trials=trials)

    def after(self, table: Table, seconds: float, margin: float, phi: float) -> Proof:
        equal, worse = self.equal, self.slightly_worse
        if self.trials >= _ENOUGH and table.candidate:
            rate = (self.events + 0.5) / (self.trials + 1)
            equal += log_e_value(table, rate, rate, margin) / phi
            worse += log_e_value(table, rate + margin / 3, rate, margin) / phi
        kept = math.exp(-seconds / _TIME_CONSTANT)
        return Proof(
            equal=equal,
            slightly_worse=worse,
            events=self.events * kept + table.events,
            trials=self.trials * kept + table.trials,
        )


def log_e_value(table: Table, candidate_rate: float, stable_rate: float, margin: float) -> float:
    """Log-likelihood of the guessed rates less that of their projection; 0 for a guess that leaves the null no room."""
    if candidate_rate >= min(stable_rate + margin, 1 - margin):
        return 0.0
    boundary = project(table.candidate, candidate_rate, table.stable, stable_rate, margin)
    return (
        table.candidate_events * math.log(candidate_rate / (boundary + margin))
        + (table.candidate - table.candidate_events) * math.log((1 - candidate_rate) / (1 - boundary - margin))
        + table.stable_events * math.log(stable_rate / boundary)
        + (table.stable - table.stable_events) * math.log((1 - stable_rate) / (1 - boundary))
    )


def project(n_c: float, candidate_rate: float, n_s: float, stable_rate: float, margin: float) -> float:
    """The p that minimises n_c·KL(candidate_rate ‖ p + δ) + n_s·KL(stable_rate ‖ p).

    The divergence is convex in p: Newton's method, kept within a shrinking bracket.
    """
    low, high = max(_SAFE, candidate_rate - margin), min(stable_rate, 1 - margin - _SAFE)
    p = high
    for _ in range(60):
        slope, curve = _slope(n_c, candidate_rate, p + margin), _curve(n_c, candidate_rate, p + margin)
        slope += _slope(n_s, stable_rate, p)
        curve += _curve(n_s, stable_rate, p)
        low, high = (p, high) if slope < 0 else (low, p)
        step = p - slope / curve
        following = step if low <= step <= high else (low + high) / 2
        if abs(following - p) <= 1e-12 * p:
            return following
        p = following
    return p


def _slope(n: float, rate: float, p: float) -> float:
    return n * (p - rate) / (p * (1 - p))


def _curve(n: float, rate: float, p: float) -> float:
    return n * (rate / (p * p) + (1 - rate) / ((1 - p) * (1 - p)))
