"""Is the comparison itself to be trusted? The candidate's share of requests, and whether it is heard of at all."""

from __future__ import annotations

import math

from comporta.analysis.blocks import Block
from comporta.analysis.intervals import log_beta
from comporta.model.values import Value

SHARE_EVIDENCE = math.log(100)  # from here on the share counts as wrong
SENTINEL_EVIDENCE = math.log(20)  # from here on routing counts as not random
SHARE_TOLERANCE = 0.2  # a share within 20 % of the declared one is as declared: clients differ in how much they ask
EXPECTED_BEFORE_SILENCE = 20.0
_PRIOR = 100.0  # pseudo-requests around the declared share


class ShareTest(Value, frozen=True):
    """A sequential test of the share: a Dirichlet mixture against the likeliest share within tolerance.

    Source: Lindon & Malek, "Anytime-Valid Inference for Multinomial Count Data" (2022), for two categories.

    Attributes:
        carried: log-evidence under weights of before; a change of weights resets nothing.
        counts: requests of candidate and stable under the declared `share`.
    """

    share: float | None = None
    counts: tuple[int, int] = (0, 0)
    carried: float = 0.0

    @property
    def log_total(self) -> float:
        return self.carried + self._of_these_weights()

    def after(self, block: Block) -> ShareTest:
        if block.share is None or not 0 < block.share < 1:
            return self
        new = (block.candidate.requests, block.stable.requests)
        if block.share != self.share:
            return ShareTest(share=block.share, counts=new, carried=self.log_total)
        return ShareTest(
            share=self.share, carried=self.carried, counts=(self.counts[0] + new[0], self.counts[1] + new[1])
        )

    def _of_these_weights(self) -> float:
        candidate, stable = self.counts
        if self.share is None or not candidate + stable:
            return 0.0
        a, b = _PRIOR * self.share, _PRIOR * (1 - self.share)
        mixture = log_beta(a + candidate, b + stable) - log_beta(a, b)
        low, high = self.share * (1 - SHARE_TOLERANCE), min(0.999, self.share * (1 + SHARE_TOLERANCE))
        nearest = min(high, max(low, candidate / (candidate + stable)))
        return mixture - candidate * math.log(nearest) - stable * math.log(1 - nearest)


class Silence(Value, frozen=True):
    """How many candidate requests were due, by what stable got, since the latest one that came."""

    due: float = 0.0

    @property
    def too_long(self) -> bool:
        return self.due >= EXPECTED_BEFORE_SILENCE

    def after(self, block: Block) -> Silence:
        if block.candidate.requests or block.share is None or not 0 < block.share < 1:
            return Silence()
        return Silence(due=self.due + block.stable.requests * block.share / (1 - block.share))
