"""Where a fake can be made to go wrong: before or after the effect of each verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Faults = Callable[[str, str], Awaitable[None]]
"""Called as `await faults("shift", "before")` and `await faults("shift", "after")`. It may raise, or sleep."""


async def no_faults(verb: str, moment: str) -> None:
    """Nothing goes wrong."""
