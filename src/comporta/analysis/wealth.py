"""A gambler's wealth against the null hypothesis: cash, and bets on alternatives that begin at any time.

Bets are e-values, so the expected wealth never grows while the null holds. What is still cash moves into the bets at a
constant hazard, so a release that turns bad late is found nearly as fast as one that is bad from the start.
Source of the mixture: Lindon, Sanden, Shirikian, "Rapid Regression Detection in Software Deployments" (KDD 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from comporta.model.values import Value

CASH = 0.2
HAZARD = 1 / 1800  # per second
_LARGEST = 600.0  # log of a factor: exp must not overflow; the cap is far below


class Wealth(Value, frozen=True):
    """`log_total` is the evidence; `cash` and `bets` are how it is divided, and sum to 1."""

    log_total: float = 0.0
    cash: float = CASH
    bets: tuple[float, ...] = ()

    @classmethod
    def spread_by(cls, prior: Sequence[float]) -> Wealth:
        return cls(bets=tuple([(1 - CASH) * weight for weight in prior]))

    def after(self, log_factors: Sequence[float], seconds: float, log_cap: float, prior: Sequence[float]) -> Wealth:
        """When a block of `seconds` multiplies each bet by its e-value, and the whole by at most e^`log_cap`.

        Before it, what flows out of the cash goes into the bets by the `prior`, which sums to 1.
        """
        flow = self.cash * -math.expm1(-HAZARD * seconds)
        bets = [
            (bet + flow * weight) * math.exp(min(log_factor, _LARGEST))
            for bet, weight, log_factor in zip(self.bets, prior, log_factors, strict=True)
        ]
        cash = self.cash - flow
        total = cash + sum(bets)
        return Wealth(
            log_total=self.log_total + min(math.log(total), log_cap),
            cash=cash / total,
            bets=tuple([bet / total for bet in bets]),
        )


def log_cap(share: float, alpha: float) -> float:
    """The most that one block may add: two distinct blocks are needed to reach 1/α with this share of the budget."""
    return math.log(1.001) - 0.5 * math.log(share * alpha)
