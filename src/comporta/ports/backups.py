"""Where backups are kept. What is listed there is whole: the manifest is written last."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Protocol

from msgspec import Struct

from comporta.model.backups import Backup, Listing, Seen
from comporta.ports.database import Database, Pour


class Incoming(Protocol):
    """A backup that is being written. Without `keep` nothing is left of it."""

    async def fill(self, source: IO[bytes], seen: Seen) -> None:
        """Take in all the data, encrypted where that is asked for. `seen` hears of the bytes read.

        Raises:
            BackupFailed: it cannot be written, as on a full disk.
        """

    async def keep(self, backup: Backup, seen: Seen) -> Backup:
        """Make it a backup: from now on it is listed. Returns it with what is known of its data."""


class BackupStore(Protocol):
    @property
    def place(self) -> str:
        """For people."""

    @property
    def readable(self) -> bool:
        """Whether what is written now can be read again here: not where the identity is kept elsewhere."""

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody else on this machine changes the store meanwhile.

        Raises:
            BackupFailed: somebody did, for too long.
        """

    async def room(self) -> int:
        """Bytes free where backups are prepared."""

    async def listing(self) -> Listing: ...

    def receive(self, id: str) -> AbstractAsyncContextManager[Incoming]: ...

    def content(self, backup: Backup, seen: Seen) -> AbstractAsyncContextManager[Pour]:
        """The data, with its checksum compared before the block begins. `seen` hears of the bytes poured.

        Raises:
            BackupDamaged: it is not what was stored.
            BackupFailed: it cannot be read here.
        """

    async def note(self, backup: Backup) -> None:
        """Replace the manifest."""

    async def delete(self, id: str) -> None:
        """The manifest first: a half-deleted backup is not listed."""

    async def sweep(self) -> tuple[str, ...]:
        """Remove what crashed processes left, and return what that was. Only while `alone`."""


class Backing(Struct, frozen=True):
    """The database, and where its backups are kept."""

    database: Database
    store: BackupStore


class OpenBacking(Protocol):
    def __call__(self, identity: Path | None = None) -> Backing:
        """Fills in the secrets, so it is called only by what needs the database.

        Args:
            identity: age's identity file in place of the config's.
        """
