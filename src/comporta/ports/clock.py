"""Time. Nothing else in comporta reads a clock or sleeps."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch: for records and deadlines that outlive the process."""

    def monotonic(self) -> float:
        """Seconds that never go back: for durations within the process."""

    async def sleep(self, seconds: float) -> None: ...
