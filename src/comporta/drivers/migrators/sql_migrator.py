"""Plain SQL files, applied by comporta itself. What was applied stands in the table comporta_migrations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from comporta.drivers.migrators import sql_files
from comporta.drivers.migrators.database import Database, Job, Session
from comporta.drivers.migrators.places import folder
from comporta.drivers.migrators.sql_files import SqlMigration
from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Dialect, Migration, SchemaState, Script, pending, to_undo
from comporta.model.release import Artifact


class SqlMigrator:
    """Implements the Migrator port."""

    def __init__(self, base: Path, directory: str, open_database: Callable[[], Database]) -> None:
        self._base = base
        self._directory = directory
        self._open = open_database

    @cached_property
    def _database(self) -> Database:
        return self._open()

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    async def migrations(self, artifact: Artifact) -> tuple[Migration, ...]:
        return tuple(found.migration for found in self._read(artifact))

    async def current(self, artifact: Artifact) -> SchemaState:
        async with self._database.opened() as session:
            return await _state(session)

    async def upgrade(self, artifact: Artifact, to: str | None = None) -> tuple[str, ...]:
        brought = tuple(found.migration for found in self._read(artifact))
        async with self._database.locked() as session:
            missing = pending(brought, await _state(session), to)
            jobs = [self._job(migration, migration.scripts or ()) for migration in missing]
            for job in jobs:
                await session.run(job)
        return tuple(job.revision for job in jobs)

    async def downgrade(self, artifact: Artifact, to: str | None) -> tuple[str, ...]:
        brought = {found.migration.revision: found for found in self._read(artifact)}
        async with self._database.locked() as session:
            state = await _state(session)
            undone = to_undo([found.migration for found in brought.values()], state, to)
            jobs = [self._down_job(brought[migration.revision]) for migration in undone]
            for job in jobs:
                await session.run(job)
        return tuple(job.revision for job in jobs)

    def _read(self, artifact: Artifact) -> tuple[SqlMigration, ...]:
        return sql_files.read(folder(self._base, self._directory, artifact), self._base)

    def _down_job(self, found: SqlMigration) -> Job:
        return self._job(found.migration, (Script(sql=found.down or ""),), down=True)

    def _job(self, migration: Migration, scripts: tuple[Script, ...], *, down: bool = False) -> Job:
        """All of it is read before anything is executed."""
        # Imported here: sqlglot takes a quarter of a second, which only those pay who migrate.
        from comporta.safety.faults import TRANSACTION
        from comporta.safety.rules import faults_of
        from comporta.safety.splitting import split

        file = migration.file.removesuffix(".up.sql") + ".down.sql" if down else migration.file
        statements = tuple(statement for script in scripts for statement in split(script, self.dialect))
        for statement in statements:
            if TRANSACTION in faults_of(statement, self.dialect, set()):
                text = f"cannot apply {file}, line {statement.line}: {TRANSACTION.message}"
                raise MigrationFailed(text, next=TRANSACTION.remedy)
        return Job(migration.revision, migration.title, file, statements, down)


async def _state(session: Session) -> SchemaState:
    noted = await session.noted()
    applied = tuple(row.revision for row in noted if row.finished)
    unfinished = next((row.revision for row in noted if not row.finished), None)
    return SchemaState(revision=applied[-1] if applied else None, applied=applied, unfinished=unfinished)
