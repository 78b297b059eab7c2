"""The real clock."""

from __future__ import annotations

import time

import anyio


class SystemClock:
    """Implements the Clock port."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)
