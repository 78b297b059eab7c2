"""Load in memory: every answer takes as long as a script says, and so no time but virtual time passes."""

from __future__ import annotations

import math
from collections.abc import Callable

from comporta.model.checks import Target
from comporta.model.histogram import Histogram, bucket_of
from comporta.model.load import LoadBlock
from comporta.ports.clock import Clock


class FakeLoad:
    """Implements the Load port.

    `takes` gives the seconds of an answer at a rate (0: when it is kept busy), or None where none comes.
    """

    def __init__(self, clock: Clock, takes: Callable[[Target, float], float | None]) -> None:
        self._clock = clock
        self._takes = takes

    async def steady(self, target: Target, path: str, *, rate: float, seconds: float, timeout: float) -> LoadBlock:
        await self._clock.sleep(seconds)
        return _block(math.ceil(rate * seconds), self._takes(target, rate), seconds, timeout)

    async def busy(self, target: Target, path: str, *, connections: int, seconds: float, timeout: float) -> LoadBlock:
        await self._clock.sleep(seconds)
        takes = self._takes(target, 0.0)
        sent = connections if takes is None else math.ceil(connections * seconds / takes)
        return _block(sent, takes, seconds, timeout)


def _block(sent: int, takes: float | None, seconds: float, timeout: float) -> LoadBlock:
    if takes is None or takes > timeout:
        return LoadBlock(sent=sent, failed=sent, seconds=seconds, latencies=Histogram())
    return LoadBlock(sent=sent, failed=0, seconds=seconds, latencies=Histogram(counts={bucket_of(takes): sent}))
