"""Latencies compared: is the candidate's distribution shifted, or does it have a tail that stable has not?

A shift d weighs each latency with w = e^(d·z), z its normal score in the stable role's past. A block's e-value is the
product of the candidate's w over (mean w of both roles)^n_c. Given the pooled latencies, exchangeability makes the
product's expectation a ratio of elementary symmetric means, which is at most 1 (Maclaurin's inequality).
Tails are 2×2 tables of exceedances, as errors are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from comporta.analysis.blocks import Table
from comporta.analysis.dispersion import EventDispersion, ShiftDispersion
from comporta.analysis.fisher import is_informative, log_likelihoods
from comporta.analysis.memory import Memory
from comporta.analysis.proof import Proof
from comporta.analysis.scores import SHIFTS, Scores, scores_of
from comporta.analysis.wealth import Wealth
from comporta.model.histogram import Histogram, bucket_of
from comporta.model.values import Value

TAIL_ODDS = ((2.0, 4.0), (3.0, 8.0), (10.0, 40.0), (20.0, 300.0))  # 90 %, 99 %, 99.9 % points, 3 × the 99 % point
_TAIL_LOG_ODDS = tuple((0.0, *map(math.log, odds)) for odds in TAIL_ODDS)
PRIOR = (0.10, 0.17, 0.18, 0.07, 0.03, 0.02, 0.02, 0.03, 0.06, 0.04, 0.06, 0.05, 0.17)  # five shifts, then the tails


class LatencyRules(Value, frozen=True):
    """What does not change.

    Attributes:
        tolerance: how much slower is fine (0.1 for 10 %).
        floor: seconds below which all latencies are alike.
        log_cap: the most that one block may say.
        margin: the proof's δ.
    """

    tolerance: float
    floor: float
    log_cap: float
    margin: float


class Latency(Value, frozen=True):
    """The comparison so far. `slow` counts latencies above the stable's past 95 % point.

    Attributes:
        shift: the dispersion of normal scores, for the bets on shifts.
        tail: the dispersion of slow requests, for the bets on tails and for the proof.
    """

    wealth: Wealth = Wealth.spread_by(PRIOR)
    shift: ShiftDispersion = ShiftDispersion()
    tail: EventDispersion = EventDispersion()
    proof: Proof = Proof()
    candidate: Memory = Memory()
    stable: Memory = Memory()
    slow: Table = Table(0, 0, 0, 0)

    @classmethod
    def seeded(cls, past: Histogram) -> Latency:
        """From the stable role's latencies before the rollout."""
        return cls(stable=Memory.seeded(past))

    def warming(self, stable: Histogram, seconds: float) -> Latency:
        """While the candidate is cold, only the stable role's latencies are learned."""
        return replace(self, stable=self.stable.after(stable, seconds))

    def after(self, candidate: Histogram, stable: Histogram, seconds: float, rules: LatencyRules) -> Latency:
        remembered = replace(
            self, candidate=self.candidate.after(candidate, seconds), stable=self.stable.after(stable, seconds)
        )
        if not self.stable.ready:
            return remembered
        scores = scores_of(self.stable.settled)
        tolerated = candidate.at_least(rules.floor).faster_by(rules.tolerance)
        compared = stable.at_least(rules.floor)
        sums = _sums(tolerated, scores), _sums(compared, scores)
        tables = _tables(tolerated, compared, scores, bucket_of(rules.floor))
        factors = [log_e / self.shift.phi for log_e in shift_log_e_values(*sums)]
        factors += [log_e / self.tail.phi for log_e in _tail_log_e_values(tables)]
        slow = tables[-1]
        return replace(
            remembered,
            wealth=self.wealth.after(factors, seconds, rules.log_cap, PRIOR, max(self.shift.phi, self.tail.phi)),
            shift=_shift_after(self.shift, *sums),
            tail=self.tail.after(slow),
            proof=self.proof.after(slow, seconds, rules.margin, self.tail.phi),
            slow=Table(*[before + new for before, new in zip(self.slow, slow, strict=True)]),
        )


def _sums(histogram: Histogram, scores: Scores) -> list[float]:
    """How many values, and the sums over them of score, square and each shift's weight."""
    return [histogram.total, *histogram.sums(scores.columns)]


def shift_log_e_values(candidate: Sequence[float], stable: Sequence[float]) -> list[float]:
    """The log e-value of each shift, from both roles' sums."""
    if not candidate[0] or not stable[0]:
        return [0.0] * len(SHIFTS)
    n_c, moved, total = candidate[0], candidate[1], candidate[0] + stable[0]
    pooled = [(of_candidate + of_stable) / total for of_candidate, of_stable in zip(candidate, stable, strict=True)]
    return [shift * moved - n_c * math.log(mean) for shift, mean in zip(SHIFTS, pooled[3:], strict=True)]


def _shift_after(dispersion: ShiftDispersion, candidate: Sequence[float], stable: Sequence[float]) -> ShiftDispersion:
    n_c, n_s = candidate[0], stable[0]
    total = n_c + n_s
    if not n_c or not n_s:
        return dispersion
    mean = (candidate[1] + stable[1]) / total
    spread = (candidate[2] + stable[2]) / total - mean * mean
    weight = n_c * n_s / total
    return dispersion.after(candidate[1] - n_c * mean, weight, weight * spread * total / (total - 1))


def _tables(candidate: Histogram, stable: Histogram, scores: Scores, floor: int) -> list[Table]:
    """Exceedances of each tail point, the proof's last. What lies at the floor exceeds nothing."""
    points = [max(floor, point) for point in (*scores.tails, scores.proof_tail)]
    slow_candidate, slow_stable = _above(candidate, points), _above(stable, points)
    n_c, n_s = candidate.total, stable.total
    return [Table(of_c, n_c, of_s, n_s) for of_c, of_s in zip(slow_candidate, slow_stable, strict=True)]


def _above(histogram: Histogram, points: Sequence[int]) -> list[int]:
    """How many values lie above each point."""
    lowest = min(points)
    slow = [(bucket, count) for bucket, count in histogram.counts.items() if bucket > lowest]
    return [sum([count for bucket, count in slow if bucket > point]) for point in points]


def _tail_log_e_values(tables: Sequence[Table]) -> list[float]:
    values: list[float] = []
    for table, log_odds in zip(tables, _TAIL_LOG_ODDS, strict=False):
        if is_informative(table):
            null, *alternatives = log_likelihoods(table, log_odds)
            values += [likelihood - null for likelihood in alternatives]
        else:
            values += [0.0] * (len(log_odds) - 1)
    return values
