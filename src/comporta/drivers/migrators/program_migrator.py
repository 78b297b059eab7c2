"""Migrations by a tool of the release: comporta holds the lock, sets the limits, and goes one revision at a time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Protocol

from comporta.drivers.migrators.database import ATTEMPTS, FIRST_PAUSE, Database, Session
from comporta.drivers.migrators.places import folder
from comporta.drivers.migrators.programs import Said, run
from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Dialect, Migration, SchemaState, pending, to_undo
from comporta.model.release import Artifact
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets

LOCKED = re.compile(r"lock timeout|LockNotAvailable|deadlock detected|database (?:table )?is locked", re.IGNORECASE)
"""What engines say when another session's lock was in the way, and undid the transaction."""


class Ask(Protocol):
    async def __call__(self, words: Sequence[str]) -> Said: ...


class Tool(Protocol):
    """A migration tool, as far as one differs from another. `place`: the release's folder; `ask` runs words there."""

    async def migrations(self, place: Path, ask: Ask) -> tuple[Migration, ...]: ...

    async def revision(self, place: Path, session: Session, ask: Ask) -> str | None:
        """The newest that is applied."""

    def up(self, place: Path, revision: str) -> list[str]: ...

    def down(self, place: Path, revision: str, before: str | None) -> list[str]:
        """How to undo `revision`; `before`: the one before it."""


class ProgramMigrator:
    """Implements the Migrator port.

    Args:
        directory: of a release, relative to `base`; holds `{version}`.
        env: variables of the tool, in which `${NAME}` is filled in; it gets the env file's as well.
        timeout: of one run of the tool, in seconds.
    """

    def __init__(
        self,
        tool: Tool,
        base: Path,
        directory: str,
        env: Mapping[str, str],
        timeout: float,
        open_database: Callable[[], Database],
        clock: Clock,
        secrets: Secrets,
    ) -> None:
        self._tool = tool
        self._base = base
        self._directory = directory
        self._env = env
        self._timeout = timeout
        self._open = open_database
        self._clock = clock
        self._secrets = secrets

    @cached_property
    def _database(self) -> Database:
        return self._open()

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    async def migrations(self, artifact: Artifact) -> tuple[Migration, ...]:
        place = self._place(artifact)
        return await self._tool.migrations(place, self._asking(place))

    async def current(self, artifact: Artifact) -> SchemaState:
        async with self._database.opened() as session:
            return await self._state(artifact, session, await self.migrations(artifact))

    async def upgrade(self, artifact: Artifact, to: str | None = None) -> tuple[str, ...]:
        async with self._migrating(artifact) as (session, brought):
            missing = pending(brought, await self._state(artifact, session, brought), to)
            for migration in missing:
                words = self._tool.up(self._place(artifact), migration.revision)
                await self._move(artifact, session, brought, words, f"apply {migration.file}", migration.revision)
        return tuple(migration.revision for migration in missing)

    async def downgrade(self, artifact: Artifact, to: str | None) -> tuple[str, ...]:
        async with self._migrating(artifact) as (session, brought):
            undone = to_undo(brought, await self._state(artifact, session, brought), to)
            for migration in undone:
                position = brought.index(migration)
                before = brought[position - 1].revision if position else None
                words = self._tool.down(self._place(artifact), migration.revision, before)
                await self._move(artifact, session, brought, words, f"undo {migration.file}", before)
        return tuple(migration.revision for migration in undone)

    @asynccontextmanager
    async def _migrating(self, artifact: Artifact) -> AsyncIterator[tuple[Session, tuple[Migration, ...]]]:
        brought = await self.migrations(artifact)
        async with self._database.locked() as session:
            yield session, brought

    async def _move(
        self,
        artifact: Artifact,
        session: Session,
        brought: tuple[Migration, ...],
        words: list[str],
        what: str,
        to: str | None,
    ) -> None:
        """Run the tool until the database says that it is there; again only where a lock was in the way."""
        ask, pause = self._asking(self._place(artifact)), FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            said = await ask(words)
            state = await self._state(artifact, session, brought)
            if state.revision == to:
                return
            if said.code == 0 or attempt == ATTEMPTS or not LOCKED.search(f"{said.output}{said.errors}"):
                cause = f"exit code {said.code}" if said.code else f"the database stays at {state.revision}"
                raise MigrationFailed(
                    f"cannot {what}: {cause}",
                    next="correct the migration in a new release; what it said is below",
                    details=[self._secrets.redact(line) for line in said.lines],
                )
            await self._clock.sleep(pause)
            pause *= 2

    async def _state(self, artifact: Artifact, session: Session, brought: tuple[Migration, ...]) -> SchemaState:
        place = self._place(artifact)
        revision = await self._tool.revision(place, session, self._asking(place))
        known = [migration.revision for migration in brought]
        applied = known[: known.index(revision) + 1] if revision in known else []
        return SchemaState(revision=revision, applied=tuple(applied))

    def _place(self, artifact: Artifact) -> Path:
        return folder(self._base, self._directory, artifact)

    def _asking(self, place: Path) -> Ask:
        own = {name: self._secrets.fill(text) for name, text in self._env.items()}
        env = {**self._secrets.env_file, **self._database.environment(), **own}

        async def ask(words: Sequence[str]) -> Said:
            said = await run(words, folder=place, env=env, timeout=self._timeout)
            # What it says in vain is shown to people; what it says in success is read by us.
            return said if said.code == 0 else said.redacted(self._secrets.redact)

        return ask
