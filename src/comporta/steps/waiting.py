"""Waiting for a condition: always with a deadline, never for a fixed time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from comporta.ports.bundle import Ports


async def until(condition: Callable[[], Awaitable[bool]], ports: Ports, *, deadline: float, every: float) -> bool:
    """Ask `condition` every `every` seconds until it holds (True) or the deadline (epoch seconds) passes (False)."""
    while not await condition():
        left = deadline - ports.clock.now()
        if left <= 0:
            return False
        await ports.clock.sleep(min(every, left))
    return True
