"""The clock as a deployment sees it: from its begin on it goes evenly, whoever sets the machine's clock meanwhile."""

from __future__ import annotations

from comporta.ports.clock import Clock


class SteadyClock:
    """Implements the Clock port over another one.

    Deadlines, and what is written to the journal, are in seconds since the epoch, so that they outlive the process.
    Within it a clock that is set forward must end no soak early, and one that is set back must not prolong it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - clock.monotonic()

    def now(self) -> float:
        return self._clock.monotonic() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
