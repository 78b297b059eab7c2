"""A gambler's wealth against the null hypothesis: cash, and bets on alternatives that begin at any time.

Bets are e-values, so the expected wealth never grows while the null holds. What is still cash moves into the bets at a
constant hazard, so a release that turns bad late is found nearly as fast as one that is bad from the start.
Source of the mixture: Lindon, Sanden, Shirikian, "Rapid Regression Detection in Software Deployments" (KDD 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from comporta.model.values import Value

CASH = 0.25
HAZARD = 1 / 900  # per second: of the time that a canary is watched
_ROUNDING = 1e-9
_LARGEST = 600.0  # log of a factor: exp must not overflow; the cap is far below


class Wealth(Value, frozen=True):
    """`log_total` is the evidence; `cash` and `bets` are how it is divided, and sum to 1.

    Attributes:
        roughness: the past's φ before the evidence began to rise. Where bursts are usual it takes more than two blocks
            to abort; a harm's own first block looks like a burst too, so φ is not taken from there.
        rising: the latest block did not speak against harm.
    """

    log_total: float = 0.0
    cash: float = CASH
    bets: tuple[float, ...] = ()
    roughness: float = 1.0
    rising: bool = False

    @classmethod
    def spread_by(cls, prior: Sequence[float]) -> Wealth:
        return cls(bets=tuple([(1 - CASH) * weight for weight in prior]))

    def after(
        self, log_factors: Sequence[float], seconds: float, log_cap: float, prior: Sequence[float], phi: float
    ) -> Wealth:
        """When a block of `seconds` multiplies each bet by its e-value, and the whole by at most e^`log_cap`.

        That is the cap where the past's φ is 1; roughness lowers it. What is above it is taken from the bets, so that
        the cash is still there for a harm that begins later. Before the block, what flows out of the cash goes into the
        bets by the `prior`, which sums to 1.
        """
        flow = self.cash * -math.expm1(-HAZARD * seconds)
        bets = [
            (bet + flow * weight) * math.exp(min(log_factor, _LARGEST))
            for bet, weight, log_factor in zip(self.bets, prior, log_factors, strict=True)
        ]
        cash = self.cash - flow
        roughness = self.roughness if self.rising else phi
        uncapped, most = cash + sum(bets), math.exp(log_cap / roughness)
        kept = (most - cash) / (uncapped - cash) if uncapped > most else 1.0
        total = min(uncapped, most)
        return Wealth(
            log_total=self.log_total + math.log(total),
            cash=cash / total,
            bets=tuple([bet * kept / total for bet in bets]),
            roughness=roughness,
            rising=total > 1 - _ROUNDING,
        )


def log_cap(share: float, alpha: float) -> float:
    """The most that one block may add: two distinct blocks are needed to reach 1/α with this share of the budget."""
    return math.log(1.001) - 0.5 * math.log(share * alpha)
