"""Waiting for something that a proxy does in its own time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from comporta.ports.clock import Clock


async def until(condition: Callable[[], Awaitable[bool]], clock: Clock, *, within: float, every: float = 0.01) -> bool:
    """Ask until it holds (True), at most for `within` seconds (False)."""
    deadline = clock.monotonic() + within
    while not await condition():
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(every)
    return True
