"""How far a long copy is, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Sequence

from comporta.model.backups import Backup, bytes_text
from comporta.model.errors import BackupFailed
from comporta.ports.backups import BackupStore
from comporta.ports.database import Database
from comporta.ports.operator import Operator

STEP = 4 * 1024 * 1024
"""Bytes between two notes."""
MARGIN = 1.2
"""How much larger a backup may be than the last one."""


class Count:
    """Counts bytes, and tells the operator. Called from the thread that copies.

    Args:
        exact: `expected` is no estimate.
    """

    def __init__(self, operator: Operator, doing: str, expected: int, *, exact: bool = False) -> None:
        self._operator = operator
        self._doing = doing
        self._of = f"of {'' if exact else 'at most about '}{bytes_text(expected)}"
        self._told = 0
        self.done = 0
        self._operator.note(doing)

    def __call__(self, count: int) -> None:
        self.done += count
        if self.done - self._told >= STEP:
            self._told = self.done
            self._operator.note(f"{self._doing}: {bytes_text(self.done)} {self._of}")


def estimate(backups: Sequence[Backup], size: int) -> int:
    """Bytes that a backup will have: by the newest one, else as many as the database has."""
    return min(size, int(backups[0].size * MARGIN)) if backups and backups[0].size else size


async def check_room(store: BackupStore, needed: int) -> None:
    """Raises BackupFailed: a backup would not fit."""
    if (free := await store.room()) < needed:
        raise BackupFailed(
            f"cannot back up the database: about {bytes_text(needed)} are needed in {store.place}, and "
            f"{bytes_text(free)} are free",
            next="free some space (`comporta database prune`), or set `database.backups.directory`",
        )


async def check_scratch_room(database: Database, backup: Backup) -> None:
    """Raises BackupFailed: the restored database would not fit beside the real one."""
    free = await database.room()
    if free is not None and free < backup.content.size:
        raise BackupFailed(
            f"cannot restore {backup.id} beside the real database: it takes {bytes_text(backup.content.size)}, and "
            f"{bytes_text(free)} are free",
            next="free some space where the database is",
        )
