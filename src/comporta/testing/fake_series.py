"""A watch's seconds in memory, for simulations."""

from __future__ import annotations

from collections.abc import Sequence

from comporta.model.watching import Second, Tally, added


class FakeSeries:
    """Implements the Series port."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._cursor: str | None = None

    async def cursor(self) -> str | None:
        return self._cursor

    async def began(self) -> int | None:
        return min((at for at, _ in self._tallies), default=None)

    async def add(self, seconds: Sequence[Second], *, cursor: str | None, forget_before: int) -> None:
        for second in seconds:
            key = second.at, second.release
            self._tallies[key] = self._tallies.get(key, Tally()).plus(second.tally)
        self._tallies = {key: tally for key, tally in self._tallies.items() if key[0] >= forget_before}
        self._cursor = cursor or self._cursor

    async def seconds(self, since: float, until: float) -> list[Second]:
        found = sorted(item for item in self._tallies.items() if since <= item[0][0] < until)
        return [Second(at=at, release=release, tally=tally) for (at, release), tally in found]

    async def total(self, since: float, until: float, release: int | None = None) -> Tally:
        return added(s.tally for s in await self.seconds(since, until) if release in (None, s.release))
