"""The seconds that a watch has counted, kept so that a restart goes on with its windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from comporta.model.watching import Second, Tally


class Series(Protocol):
    """Of one environment. What was lost in a power failure is read from the router's log once more."""

    async def cursor(self) -> str | None:
        """Where to go on reading the router's figures; None: nothing was ever read."""

    async def began(self) -> int | None:
        """The first second that is known (since the epoch); None: there is none."""

    async def add(self, seconds: Sequence[Second], *, cursor: str | None, forget_before: int) -> None:
        """Add to what is known of these seconds, remember the cursor (None: as it was), and forget the oldest, in one
        act: after a crash either all of it was done or nothing."""

    async def seconds(self, since: float, until: float) -> list[Second]:
        """All releases' seconds with since <= at < until, oldest first."""

    async def total(self, since: float, until: float, release: int | None = None) -> Tally:
        """The same, added up; of one release, or of all."""
