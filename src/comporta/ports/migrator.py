"""The driver that changes the schema of the database."""

from __future__ import annotations

from typing import Protocol

from comporta.model.migrations import Dialect, Migration, SchemaState
from comporta.model.release import Artifact


class Migrator(Protocol):
    """Every verb is idempotent, and safe to repeat after a crash in the middle of it.

    The artifact is of the release whose migrations are meant: its own files, and its own programs.
    """

    @property
    def dialect(self) -> Dialect: ...

    async def migrations(self, artifact: Artifact) -> tuple[Migration, ...]:
        """All that the release brings, in the order in which they are applied. Asks no database.

        Raises:
            MigrationFailed: they cannot be read, or have no single order.
        """

    async def current(self, artifact: Artifact) -> SchemaState:
        """What the database has applied. Changes nothing.

        Raises:
            MigrationFailed: the database cannot be asked.
        """

    async def upgrade(self, artifact: Artifact, to: str | None = None) -> tuple[str, ...]:
        """Apply what is missing up to a revision (None: the newest), and return the revisions that were.

        Under the database's lock: who comes second waits, and finds nothing to do. Each migration is applied whole or
        not at all, as far as the engine can; a lock that users hold is given up and tried again, so that nobody queues
        behind it.

        Raises:
            MigrationFailed: one failed and was undone; those before it stay applied. Or the lock was not free in time.
        """

    async def downgrade(self, artifact: Artifact, to: str | None) -> tuple[str, ...]:
        """Undo, the newest first, what is applied after a revision (None: everything), and return those revisions.

        Raises:
            MigrationFailed: one cannot be undone (then nothing is), or failed.
        """
