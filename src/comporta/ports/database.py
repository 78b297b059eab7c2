"""The database of the service: read whole for a backup, and brought back whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import IO, Protocol

from comporta.model.backups import Description, Seen

Pour = Callable[[IO[bytes]], None]
"""Writes a whole backup to a file or a pipe. It blocks, so it is called in a thread."""


@dataclass
class Dump:
    """A backup on its way out.

    Attributes:
        source: the data, from the beginning. Reading it blocks.
        content: the database in the same snapshot; known once the block has ended.
    """

    source: IO[bytes]
    content: Description | None = None


class Scratch(Protocol):
    """A new database beside the real one, that nobody else uses. It is gone when its block ends."""

    async def load(self, pour: Pour) -> None:
        """Fill it with a backup.

        Raises:
            BackupFailed: the engine refused it.
        """

    async def describe(self) -> Description:
        """What came back. The engine's own check of its files is part of it.

        Raises:
            BackupFailed: it is not whole.
        """

    async def take_over(self, seen: Seen, *, keep: str) -> str:
        """Become the real database, at once and whole: a crash leaves the old one or the new one.

        Sessions of the old one are ended, or wait, as the engine has it.

        Args:
            seen: hears of the bytes copied, where bytes are copied.
            keep: what tells the old database's new name apart; empty: the old one is deleted.

        Returns:
            where the old one is; empty if it is not kept.

        Raises:
            BackupFailed: the old one could not be replaced, and is in place.
        """


class Database(Protocol):
    @property
    def engine(self) -> str: ...

    @property
    def identity(self) -> str:
        """Which one it is, for people and manifests: without user and password."""

    @property
    def copies(self) -> int:
        """How many times the bytes of a backup are on our disk while it is made."""

    async def describe(self) -> Description:
        """As it is now.

        Raises:
            BackupFailed: the database does not answer.
        """

    async def size(self) -> int:
        """Bytes that it takes up; a backup is not larger."""

    async def room(self) -> int | None:
        """Bytes free where a scratch database would be; None: it is another machine's disk."""

    def dump(self) -> AbstractAsyncContextManager[Dump]:
        """One consistent snapshot, while users go on reading and writing.

        Raises:
            BackupFailed: when the block ends, too: then what was read is no backup.
        """

    def scratch(self) -> AbstractAsyncContextManager[Scratch]:
        """Raises BackupFailed: it cannot be made."""

    async def sweep(self) -> tuple[str, ...]:
        """Remove what crashed processes left, and return what that was."""
