"""SQLite: one writer at a time by nature, a transaction for each migration, and a lock file over all of them."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from comporta.drivers.migrators.database import ATTEMPTS, FIRST_PAUSE, PATIENCE, VERSION_TABLE, Job, Noted
from comporta.drivers.shared_sqlite import is_busy
from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Dialect
from comporta.model.spec import DatabaseSpec
from comporta.ports.clock import Clock

CREATE_TABLE = f"""
CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (
    position INTEGER PRIMARY KEY, revision TEXT NOT NULL UNIQUE, title TEXT NOT NULL, at TEXT DEFAULT CURRENT_TIMESTAMP
)
"""

T = TypeVar("T")


class Sqlite:
    """Implements Database, for the file at a path."""

    dialect = Dialect.SQLITE

    def __init__(self, path: Path, spec: DatabaseSpec, clock: Clock) -> None:
        self._path = path
        self._spec = spec
        self._clock = clock

    def environment(self) -> Mapping[str, str]:
        return {}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SqliteSession]:
        session = SqliteSession(self._path, self._spec.lock_timeout, self._clock)
        try:
            yield session
        finally:
            session.close()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[SqliteSession]:
        # The kernel frees the lock when its holder ends, however that ends. The file stays: its name is the lock.
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)  # the first migration makes the file, too
            descriptor = os.open(f"{self._path}.migrating", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MigrationFailed(
                f"cannot lock the database {self._path}: {error.strerror}", next="`database.url` names it"
            ) from None
        try:
            await self._lock(descriptor)
            async with self.opened() as session:
                yield session
        finally:
            os.close(descriptor)

    async def _lock(self, descriptor: int) -> None:
        deadline = self._clock.monotonic() + self._spec.lock_wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self._clock.monotonic() > deadline:
                    raise MigrationFailed(
                        f"cannot migrate {self._path.name}: another migration held its lock for "
                        f"{self._spec.lock_wait:g} s",
                        next="wait for it, or end it; `database.lock_wait` says how long to wait",
                    ) from None
            await self._clock.sleep(PATIENCE)


class SqliteSession:
    """Implements Session. The calls run in a thread, so that the event loop never waits for them."""

    def __init__(self, path: Path, timeout: float, clock: Clock) -> None:
        self._path = path
        self._timeout = timeout
        self._clock = clock
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def noted(self) -> list[Noted]:
        return await self._asked(self._noted)

    async def version(self, table: str) -> str | None:
        return await self._asked(partial(self._version, table))

    async def run(self, job: Job) -> None:
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._in_thread(partial(self._run, job))
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or attempt == ATTEMPTS:
                    raise MigrationFailed(
                        f"{job.label}: {error}; it was undone", next="end what holds the lock, and try again"
                    ) from error
            await self._clock.sleep(pause)
            pause *= 2

    async def _asked(self, call: Callable[[], T]) -> T:
        try:
            return await self._in_thread(call)
        except sqlite3.Error as error:
            raise MigrationFailed(
                f"cannot read the database {self._path}: {error}", next="`database.url` names it"
            ) from error

    async def _in_thread(self, call: Callable[[], T]) -> T:
        import anyio

        return await anyio.to_thread.run_sync(call)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
            )
        return self._connection

    def _noted(self) -> list[Noted]:
        if not self._path.exists() or not self._has(VERSION_TABLE):
            return []
        rows = self._open().execute(f"SELECT revision FROM {VERSION_TABLE} ORDER BY position")
        return [Noted(revision, finished=True) for (revision,) in rows]

    def _version(self, table: str) -> str | None:
        if not self._path.exists() or not self._has(table):
            return None
        rows = self._open().execute(f'SELECT version_num FROM "{table}"').fetchall()
        return ",".join(row[0] for row in rows) or None

    def _has(self, table: str) -> bool:
        found = self._open().execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
        return found.fetchone() is not None

    def _run(self, job: Job) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(CREATE_TABLE)
            for statement in job.statements:
                self._execute(connection, job, statement.sql, statement.line)
            if job.down:
                connection.execute(f"DELETE FROM {VERSION_TABLE} WHERE revision = ?", (job.revision,))
            else:
                noted = (job.revision, job.title)
                connection.execute(f"INSERT INTO {VERSION_TABLE} (revision, title) VALUES (?, ?)", noted)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _execute(self, connection: sqlite3.Connection, job: Job, sql: str, line: int) -> None:
        try:
            connection.execute(sql)
        except sqlite3.Error as error:
            if is_busy(error):
                raise
            raise MigrationFailed(
                f"{job.label}, line {line}: {error}",
                next="correct the migration in a new release; what it did was undone",
                details=sql.splitlines()[:10],
            ) from error
