"""How much rougher than independent requests the past was: φ ≥ 1, by which the next block's evidence is divided.

E[e^(1/φ)] ≤ E[e]^(1/φ) ≤ 1 for an e-value e (Jensen), so dividing its logarithm by a φ of the past keeps it valid.
"""

from __future__ import annotations

import math

from comporta.analysis.blocks import Table
from comporta.model.values import Value

_PSEUDO_BLOCKS = 20.0


class Dispersion(Value, frozen=True):
    """Squared residuals against their expectation, both with twenty pseudo-blocks of φ = 1.

    A block counts in full from a variance of 1 on.
    """

    squares: float = _PSEUDO_BLOCKS
    blocks: float = _PSEUDO_BLOCKS

    @property
    def phi(self) -> float:
        return max(1.0, self.squares / self.blocks)

    def after(self, residual: float, variance: float) -> Dispersion:
        return Dispersion(
            squares=self.squares + residual * residual / max(1.0, variance),
            blocks=self.blocks + min(1.0, variance),
        )


class EventDispersion(Value, frozen=True):
    """Of the candidate's part of the events, around what its odds so far make one expect: a steady harm is no burst.

    The block at hand is part of them: else what a harm begins with would be taken for a burst.

    Attributes:
        observed: the candidate's events so far.
        expected: what they would be at the stable role's rates.
    """

    spread: Dispersion = Dispersion()
    observed: float = 0.0
    expected: float = 0.0

    @property
    def phi(self) -> float:
        return self.spread.phi

    def after(self, table: Table) -> EventDispersion:
        if table.says_nothing or not table.events:
            return self
        observed = self.observed + table.candidate_events
        expected = self.expected + table.stable_events * table.candidate / table.stable
        odds = max(0.2, (observed + 0.5) / (expected + 0.5))
        part = odds * table.candidate / (odds * table.candidate + table.stable)
        mean = table.events * part
        return EventDispersion(
            spread=self.spread.after(table.candidate_events - mean, mean * (1 - part)),
            observed=observed,
            expected=expected,
        )


class ShiftDispersion(Value, frozen=True):
    """Of the candidate's sum of normal scores, around what its shift makes one expect, the block at hand included."""

    spread: Dispersion = Dispersion()
    moved: float = 0.0
    weight: float = 0.0

    @property
    def phi(self) -> float:
        return self.spread.phi

    def after(self, moved: float, weight: float, variance: float) -> ShiftDispersion:
        """`moved` is the candidate's excess of scores, `weight` what a shift of 1 would have moved it by."""
        if variance <= 0:
            return self
        moved_so_far, weight_so_far = self.moved + moved, self.weight + weight
        shift = moved_so_far / weight_so_far
        return ShiftDispersion(
            spread=self.spread.after((moved - shift * weight) / math.sqrt(variance), 1.0),
            moved=moved_so_far,
            weight=weight_so_far,
        )
