"""Backups of a fake database, for tests of what makes and uses them."""

from __future__ import annotations

from comporta.model.errors import BackupFailed
from comporta.testing.fake_migrator import FakeDatabase
from comporta.testing.faults import Faults, no_faults


class FakeVault:
    """Implements the Vault port. `kept`: the reason of each backup, and what was applied then; its place is its id."""

    def __init__(self, database: FakeDatabase, faults: Faults = no_faults) -> None:
        self.kept: list[tuple[str, tuple[str, ...]]] = []
        self.brought_back: list[str] = []
        self._database = database
        self._faults = faults

    async def keep(self, reason: str) -> str:
        await self._faults("keep", "before")
        self.kept.append((reason, tuple(self._database.applied)))
        await self._faults("keep", "after")
        return str(len(self.kept) - 1)

    async def find(self, reason: str) -> str | None:
        found = [place for place, (why, _) in enumerate(self.kept) if why == reason]
        return str(found[-1]) if found else None

    async def at(self, revision: str) -> str | None:
        found = [place for place, (_, applied) in enumerate(self.kept) if (applied or (None,))[-1] == revision]
        return str(found[-1]) if found else None

    async def loss(self, id: str) -> tuple[str, ...]:
        return (f"whatever was written since backup {id}",)

    async def fits(self, id: str) -> bool:
        return self.kept[int(id)][1] == tuple(self._database.applied)

    async def bring_back(self, id: str) -> None:
        await self._faults("bring-back", "before")
        if int(id) >= len(self.kept):
            raise BackupFailed(f"cannot restore {id}: there is none")
        self._database.applied[:] = self.kept[int(id)][1]
        self.brought_back.append(id)
        await self._faults("bring-back", "after")
