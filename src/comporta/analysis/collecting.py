"""Figures as they come from a router → closed blocks, each once and in order."""

from __future__ import annotations

from msgspec.structs import replace

from comporta.analysis.blocks import IN_FLIGHT, Block, block_seconds, first_start
from comporta.model.figures import Counts, Figures, total
from comporta.model.values import Value

LATE = 1
"""Seconds that a router may take to write down what it answered."""


FAR = 60
"""Seconds from the clock at which a request cannot have ended."""


class Roles(Value, frozen=True):
    """Who is compared: release numbers, and the candidate's share of the requests, 0 to 1."""

    candidate: int
    stable: int
    share: float


class Collector(Value, frozen=True):
    """The block under way, and the figures that belong to it or to later ones.

    Attributes:
        seconds: the length of every block; it is fixed before anything of them is seen.
        began: where the first block began.
        start: where the block under way begins.
        figures: what has come and is in no closed block.
    """

    roles: Roles
    seconds: int
    began: int
    start: int
    figures: tuple[Figures, ...] = ()

    @classmethod
    def beginning(cls, roles: Roles, rate: float, at: float) -> Collector:
        """From a change of weights on.

        Args:
            rate: the requests a second that are expected, of both roles together.
            at: when the weights were changed (seconds since the epoch).
        """
        seconds = block_seconds(rate * roles.share, rate * (1 - roles.share))
        start = first_start(at + IN_FLIGHT, seconds)
        return cls(roles=roles, seconds=seconds, began=start, start=start)

    def with_figures(self, new: tuple[Figures, ...]) -> Collector:
        """What ended before the blocks began belongs to the weights before, and is left out.

        Unless it seems to have ended long before: reading began just then, so the clock was set back since.
        """
        known = (self.roles.candidate, self.roles.stable)
        kept = tuple(f for f in new if f.release in known and not self.began - FAR <= f.at < self.began)
        return replace(self, figures=self.figures + kept)

    def close(self, now: float) -> tuple[Collector, Block] | None:
        """The oldest block that nothing can come for any more, and the collector without it; None if there is none.

        What came late, for a block that is closed, counts for this one; so does what bears a time that is still to
        come, since then the clock was set.
        """
        end = self.start + self.seconds
        if now < end + LATE:
            return None
        inside = tuple(f for f in self.figures if f.at < end or f.at > now + FAR)
        later = tuple(f for f in self.figures if end <= f.at <= now + FAR)
        return replace(self, start=end, figures=later), self._block(inside)

    def _block(self, figures: tuple[Figures, ...]) -> Block:
        stable = [f for f in figures if f.release == self.roles.stable]
        return Block(
            start=self.start,
            seconds=self.seconds,
            candidate=total([f.counts for f in figures if f.release == self.roles.candidate]),
            stable=total([f.counts for f in stable]),
            share=self.roles.share,
            sentinel=_sentinel(stable),
        )


def _sentinel(stable: list[Figures]) -> Counts | None:
    """One stable instance, always the same one, where there are several."""
    addresses = sorted({f.address for f in stable})
    if len(addresses) < 2:
        return None
    return total([f.counts for f in stable if f.address == addresses[0]])
