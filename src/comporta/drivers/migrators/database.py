"""A database that is migrated: its lock, and what is asked and done while that is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from comporta.model.errors import ConfigError
from comporta.model.migrations import Dialect
from comporta.model.spec import DatabaseSpec, EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets

if TYPE_CHECKING:
    from comporta.safety.splitting import Statement

ATTEMPTS = 5
"""How often a migration is tried that met a lock: users wait `lock_timeout` at most, each time."""
FIRST_PAUSE = 0.5
"""Seconds before the second attempt; each later pause is twice as long."""
PATIENCE = 0.2
"""Seconds between two looks whether the lock is free."""
VERSION_TABLE = "comporta_migrations"


class Job(Struct, frozen=True):
    """A migration on its way up or down: what is executed, and what is noted."""

    revision: str
    title: str
    file: str
    statements: tuple[Statement, ...]
    down: bool = False

    @property
    def label(self) -> str:
        return f"cannot {'undo' if self.down else 'apply'} {self.file}"


class Noted(Struct, frozen=True):
    """A row of the version table."""

    revision: str
    finished: bool


class Session(Protocol):
    """One connection that may change the schema."""

    async def noted(self) -> list[Noted]:
        """The version table, oldest first; empty where there is none yet."""

    async def run(self, job: Job) -> None:
        """Execute and note it, whole or not at all.

        Raises:
            MigrationFailed: the engine refused it; its message, the file and the statement are told.
        """

    async def version(self, table: str) -> str | None:
        """The one value of another tool's version table; None where there is none."""


class Database(Protocol):
    @property
    def dialect(self) -> Dialect: ...

    def opened(self) -> AbstractAsyncContextManager[Session]:
        """A session for questions.

        Raises:
            MigrationFailed: the database does not answer.
        """

    def locked(self) -> AbstractAsyncContextManager[Session]:
        """A session, as the only one that migrates this database.

        Raises:
            MigrationFailed: another one held the lock for longer than `lock_wait`.
        """

    def environment(self) -> Mapping[str, str]:
        """What makes another program keep the same limits."""


def opener(spec: EnvironmentSpec, clock: Clock, secrets: Secrets) -> Callable[[], Database]:
    """How to get at the environment's database. Its URL is filled in, and its driver imported, when it is called."""
    wanted = spec.database
    assert wanted is not None, "a migrator is built where the config names a database"
    return lambda: database(wanted, secrets.fill(wanted.url), Path(spec.base), clock)


def database(spec: DatabaseSpec, url: str, base: Path, clock: Clock) -> Database:
    """The database at a URL (with its variables filled in).

    Raises:
        ConfigError: no driver knows such a URL; it is not shown, since it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    engine = scheme.partition("+")[0]
    if engine in ("postgresql", "postgres"):
        from comporta.drivers.migrators.postgresql import Postgresql

        return Postgresql(f"postgresql://{rest}", spec, clock)
    if engine == "sqlite":
        from comporta.drivers.migrators.sqlite import Sqlite

        path = rest.partition("?")[0].removeprefix("/")
        return Sqlite(base / path, spec, clock)
    raise ConfigError(
        "cannot use the database in `database.url`: it begins neither with postgresql:// nor with sqlite://",
        next="write it like postgresql://user:password@host/name or sqlite:///file.db",
    )
