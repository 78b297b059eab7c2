"""A migrator over a dictionary, for tests of what migrates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio.lowlevel

from comporta.model.errors import DatabaseUnreachable, MigrationFailed
from comporta.model.migrations import Dialect, Migration, SchemaState, pending, to_undo
from comporta.model.release import Artifact
from comporta.testing.faults import Faults, no_faults


@dataclass
class FakeDatabase:
    """Attributes:
    applied: revisions, oldest first.
    failing: those that fail when they are applied.
    away: so many questions from now on are not answered, as during a restart.
    """

    applied: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    away: int = 0
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class FakeMigrator:
    """Implements the Migrator port. `brought`: what each version brings, in order."""

    dialect = Dialect.POSTGRESQL

    def __init__(
        self, database: FakeDatabase, brought: Mapping[str, tuple[Migration, ...]], faults: Faults = no_faults
    ) -> None:
        self._database = database
        self._brought = brought
        self._faults = faults

    async def migrations(self, artifact: Artifact) -> tuple[Migration, ...]:
        return self._brought[artifact.version]

    async def current(self, artifact: Artifact) -> SchemaState:
        if self._database.away:
            self._database.away -= 1
            raise DatabaseUnreachable("cannot reach the database: it is made to be away")
        applied = tuple(self._database.applied)
        return SchemaState(revision=applied[-1] if applied else None, applied=applied)

    async def upgrade(self, artifact: Artifact, to: str | None = None) -> tuple[str, ...]:
        async with self._database.lock:
            missing = pending(await self.migrations(artifact), await self.current(artifact), to)
            for migration in missing:
                await anyio.lowlevel.checkpoint()
                await self._faults("upgrade", "before")
                if migration.revision in self._database.failing:
                    raise MigrationFailed(f"cannot apply {migration.file}: it is made to fail")
                self._database.applied.append(migration.revision)
                await self._faults("upgrade", "after")
        return tuple(migration.revision for migration in missing)

    async def downgrade(self, artifact: Artifact, to: str | None) -> tuple[str, ...]:
        async with self._database.lock:
            undone = to_undo(await self.migrations(artifact), await self.current(artifact), to)
            for migration in undone:
                await anyio.lowlevel.checkpoint()
                await self._faults("downgrade", "before")
                self._database.applied.remove(migration.revision)
                await self._faults("downgrade", "after")
        return tuple(migration.revision for migration in undone)
