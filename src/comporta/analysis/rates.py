"""Error rates compared: is the odds ratio of candidate to stable above what counts as harm?"""

from __future__ import annotations

import math
from functools import lru_cache

from comporta.analysis.blocks import Table
from comporta.analysis.dispersion import EventDispersion
from comporta.analysis.fisher import is_informative, log_likelihoods
from comporta.analysis.proof import Proof
from comporta.analysis.wealth import Wealth
from comporta.model.values import Value

ALTERNATIVES = (1.5, 2.0, 3.0, 5.0, 9.0, 20.0, 60.0, 300.0)
PRIOR = (0.02, 0.05, 0.13, 0.26, 0.24, 0.13, 0.09, 0.08)  # most where harm is most often: three to ten times
HARMLESS = (1 / 300, 1 / 60, 1 / 20, 1 / 9, 1 / 5, 1 / 3, 1 / 2, 1 / 1.5)
GRID = (*HARMLESS, 1.0, *ALTERNATIVES)  # multiples of the harm odds ratio ρ
_NULL = GRID.index(1.0)
_UNLESS_MOST_FAIL = 0.85
"""Of the cap: then two blocks are not enough, since a burst in the candidate can last for two. It takes three."""
_FEW_REQUESTS = 10
"""Of the candidate in a block: there a burst is a handful of errors, and φ is slow to learn of it."""


class RateRules(Value, frozen=True):
    """What does not change while a candidate is judged.

    Attributes:
        log_odds: the odds ratios looked at: `GRID` times ρ, as logarithms.
        log_cap: the most one block may add to the evidence: where most of the candidate's requests fail.
        margin: δ of the proof, as a share of requests.
    """

    log_odds: tuple[float, ...]
    log_cap: float
    margin: float

    @classmethod
    @lru_cache
    def of(cls, harm: float, log_cap: float, margin: float) -> RateRules:
        return cls(log_odds=tuple([math.log(harm * ratio) for ratio in GRID]), log_cap=log_cap, margin=margin)


class Rates(Value, frozen=True):
    """The comparison so far.

    Attributes:
        likelihoods: log-likelihood of each odds ratio of the grid, relative to ρ.
        totals: all events and requests so far.
    """

    wealth: Wealth = Wealth.spread_by(PRIOR)
    dispersion: EventDispersion = EventDispersion()
    proof: Proof = Proof()
    likelihoods: tuple[float, ...] = (0.0,) * len(GRID)
    totals: Table = Table(0, 0, 0, 0)

    def after(self, table: Table, seconds: float, rules: RateRules) -> Rates:
        phi = self.dispersion.phi
        ratios = _log_ratios(table, rules.log_odds, phi)
        handful = _handful_as_one(table)
        bets = ratios if handful == table else _log_ratios(handful, rules.log_odds, phi)
        return Rates(
            wealth=self.wealth.after(bets[_NULL + 1 :], seconds, _log_cap(table, rules), PRIOR, phi),
            dispersion=self.dispersion.after(table),
            proof=self.proof.after(table, seconds, rules.margin, phi),
            likelihoods=tuple([before + ratio for before, ratio in zip(self.likelihoods, ratios, strict=True)]),
            totals=Table(*[before + new for before, new in zip(self.totals, table, strict=True)]),
        )


def _handful_as_one(table: Table) -> Table:
    """A handful of errors side by side may have one cause. They count as one, unless no request succeeded.

    What is left is an e-value, since each error of the candidate multiplies one by at least 1. With e_m the elementary
    symmetric polynomials of the requests' odds, relative to the candidate's (1 for its own, 1/ω for stable's), that
    factor is e_{m+1}/e_m at ρ over the same at ω > ρ; and e_{m+1}/e_m grows with each of the odds.
    """
    if table.candidate >= _FEW_REQUESTS or table.candidate_events == table.candidate:
        return table
    return table._replace(candidate_events=min(1, table.candidate_events))


def _log_cap(table: Table, rules: RateRules) -> float:
    """It may depend on the block itself: what caps an e-value leaves one."""
    most_fail = 2 * table.candidate_events >= table.candidate
    return rules.log_cap * (1 if most_fail else _UNLESS_MOST_FAIL)


def _log_ratios(table: Table, log_odds: tuple[float, ...], phi: float) -> list[float]:
    """log f(x; ω)/f(x; ρ) divided by φ, for the whole grid."""
    if not is_informative(table):
        return [0.0] * len(log_odds)
    likelihoods = log_likelihoods(table, log_odds)
    null = likelihoods[_NULL]
    return [(likelihood - null) / phi for likelihood in likelihoods]
