"""PostgreSQL: an advisory lock, transactions over schema changes, and limits on how long users may be kept waiting."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from comporta.drivers.migrators.database import ATTEMPTS, FIRST_PAUSE, PATIENCE, VERSION_TABLE, Job, Noted
from comporta.model.errors import DatabaseUnreachable, MigrationFailed
from comporta.model.migrations import Dialect
from comporta.model.spec import DatabaseSpec
from comporta.ports.clock import Clock
from comporta.safety.assessing import transactional
from comporta.safety.splitting import Statement

LOCK = 0x636F6D706F727461
"""The advisory lock's key: "comporta" in ASCII. Such locks belong to one database of a server."""
APPLICATION = "comporta migration"
"""By which the sessions of migrations, also those of programs that we started, are found in pg_stat_activity."""
NOTICE_DEATH = "client_connection_check_interval"
"""The setting by which a server gives up the statement of a client that was killed. PostgreSQL 14 and later have it."""
CONNECT_TIMEOUT = 10

CREATE_TABLE = f"""
CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, revision text NOT NULL UNIQUE, title text NOT NULL,
    finished boolean NOT NULL, at timestamptz NOT NULL DEFAULT now()
)
"""
RETRIED = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
"""What another session's locks cause; the transaction is undone, so that another attempt is safe."""

_INDEX = re.compile(
    r"(CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX)\s+CONCURRENTLY\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?([\w.\"$]+)"
    r"(?:\s+ON\s+(?:ONLY\s+)?([\w.\"$]+))?",
    re.IGNORECASE,
)

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Postgresql:
    """Implements Database. The URL is libpq's; what it leaves out comes from PG… variables and ~/.pgpass."""

    dialect = Dialect.POSTGRESQL

    def __init__(self, url: str, spec: DatabaseSpec, clock: Clock) -> None:
        self._url = url
        self._spec = spec
        self._clock = clock

    def environment(self) -> Mapping[str, str]:
        """For programs whose driver is libpq (psycopg, psql…)."""
        return {
            "PGAPPNAME": APPLICATION,
            "PGOPTIONS": f"-c lock_timeout={_milliseconds(self._spec.lock_timeout)} "
            f"-c statement_timeout={_milliseconds(self._spec.statement_timeout)} -c {NOTICE_DEATH}=1s",
        }

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[PostgresqlSession]:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, application_name=APPLICATION, connect_timeout=CONNECT_TIMEOUT
            )
        except psycopg.Error as error:
            raise DatabaseUnreachable(
                f"cannot reach the database: {_said(error)}", next="see whether it runs; `database.url` names it"
            ) from None
        try:
            yield PostgresqlSession(connection, self._clock)
        except psycopg.Error as error:
            failure = DatabaseUnreachable if connection.closed else MigrationFailed
            raise failure(
                f"cannot go on with the database: {_said(error)}",
                next="`comporta database status` shows what is applied",
            ) from error
        finally:
            with suppress(psycopg.Error):
                await connection.close()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[PostgresqlSession]:
        async with self.opened() as session:
            await session.prepare(self._spec)
            await self._lock(session.connection)
            yield session

    async def _lock(self, connection: Connection) -> None:
        """Ask again and again: a session that waited inside the server would keep CREATE INDEX CONCURRENTLY waiting."""
        deadline = self._clock.monotonic() + self._spec.lock_wait
        while not await _alone(connection):
            if self._clock.monotonic() > deadline:
                raise MigrationFailed(
                    f"cannot migrate the database: another migration held its lock for {self._spec.lock_wait:g} s",
                    next="wait for it, or end it; `database.lock_wait` says how long to wait",
                    details=await _sessions(connection),
                )
            await self._clock.sleep(PATIENCE)


class PostgresqlSession:
    """Implements Session."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self._clock = clock

    async def prepare(self, spec: DatabaseSpec) -> None:
        limits = {"lock_timeout": spec.lock_timeout, "statement_timeout": spec.statement_timeout, NOTICE_DEATH: 1.0}
        for name, seconds in limits.items():
            await self.connection.execute(
                "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s",
                (_milliseconds(seconds), name),
            )

    async def noted(self) -> list[Noted]:
        if await self._one("SELECT to_regclass(%s)", VERSION_TABLE) is None:
            return []
        rows = await self.connection.execute(f"SELECT revision, finished FROM {VERSION_TABLE} ORDER BY position")
        return [Noted(revision, finished) for revision, finished in await rows.fetchall()]

    async def version(self, table: str) -> str | None:
        if await self._one("SELECT to_regclass(%s)", table) is None:
            return None
        query = sql.SQL("SELECT string_agg(version_num, ',') FROM {}").format(sql.Identifier(*table.split(".")))
        found: str | None = await self._one(query)
        return found

    async def run(self, job: Job) -> None:
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._attempt(job)
                return
            except RETRIED as error:
                if attempt == ATTEMPTS:
                    raise MigrationFailed(
                        f"{job.label}: {_said(error)}; it was undone, {ATTEMPTS} times",
                        next="end what holds the lock (below), or try again when the database is quiet",
                        details=await _holders(self.connection),
                    ) from error
            await self._clock.sleep(pause)
            pause *= 2

    async def _attempt(self, job: Job) -> None:
        await self.connection.execute(CREATE_TABLE)
        if all(transactional(statement) for statement in job.statements):
            async with self.connection.transaction():
                for statement in job.statements:
                    await self._execute(job, statement)
                await self._ended(job)
            return
        if len(job.statements) > 1:
            cause = "CONCURRENTLY and VACUUM cannot run inside a transaction, so they need a migration of their own"
            raise MigrationFailed(f"{job.label}: {cause}", next="move each into a file of its own")
        await self._outside(job, job.statements[0])

    async def _outside(self, job: Job, statement: Statement) -> None:
        """What no transaction can hold: note that it begins, do it, note that it ended. Both notes survive a crash."""
        resumed = Noted(job.revision, finished=False) in await self.noted()
        await self._note(job, finished=False)
        try:
            await self._alone(job, statement, resumed=resumed)
        except MigrationFailed:
            await self._clear(job, statement)
            raise
        await self._ended(job)

    async def _alone(self, job: Job, statement: Statement, *, resumed: bool) -> None:
        """A crash may have left an index that is not valid, or none, or a whole one: then it is looked at first."""
        index = _index(statement)
        if resumed and index is not None:
            await self._drop_invalid(index)
            is_there = await self._one("SELECT to_regclass(%s)", index) is not None
            if is_there is not statement.begins("DROP"):
                return
        await self._execute(job, statement)
        if index is not None and await self._invalid(index):
            raise _failure(job, statement, "the index was built, but it is not valid")

    async def _clear(self, job: Job, statement: Statement) -> None:
        """After a failure that nothing will change: as it was before."""
        if (index := _index(statement)) and not job.down:
            await self._drop_invalid(index)
        if job.down:
            await self._note(job, finished=True)
        else:
            await self._forget(job)

    async def _drop_invalid(self, index: str) -> None:
        if left := await self._invalid(index):
            await self.connection.execute(f"DROP INDEX CONCURRENTLY {left}".encode())

    async def _invalid(self, index: str) -> str | None:
        found: str | None = await self._one(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid",
            index,
        )
        return found

    async def _execute(self, job: Job, statement: Statement) -> None:
        try:
            # Bytes are not looked through for literals: the text comes from the release, like its code.
            await self.connection.execute(statement.sql.encode(), prepare=False)
        except RETRIED:
            raise
        except psycopg.Error as error:
            if self.connection.closed:
                raise DatabaseUnreachable(
                    f"{job.label}: {_said(error)}", next="see whether the database runs; what was begun was undone"
                ) from error
            raise _failure(job, statement, _said(error)) from error
        inside = self.connection.info.transaction_status is TransactionStatus.INTRANS
        if transactional(statement) and not inside:
            raise _failure(job, statement, "it ended the transaction of its migration")

    async def _ended(self, job: Job) -> None:
        await (self._forget(job) if job.down else self._note(job, finished=True))

    async def _note(self, job: Job, *, finished: bool) -> None:
        await self.connection.execute(
            f"INSERT INTO {VERSION_TABLE} (revision, title, finished) VALUES (%s, %s, %s) "
            "ON CONFLICT (revision) DO UPDATE SET finished = excluded.finished, at = now()",
            (job.revision, job.title, finished),
        )

    async def _forget(self, job: Job) -> None:
        await self.connection.execute(f"DELETE FROM {VERSION_TABLE} WHERE revision = %s", (job.revision,))

    async def _one(self, query: Any, *values: str) -> Any:
        row = await (await self.connection.execute(query, values)).fetchone()
        return row[0] if row else None


async def _alone(connection: Connection) -> bool:
    """The lock is ours, and no session of an earlier holder, or of a program that it started, is still at work."""
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
    if not row or not row[0]:
        return False
    busy = await connection.execute(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND datname = current_database() "
        "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
        (APPLICATION,),
    )
    if await busy.fetchone() is None:
        return True
    await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    return False


async def _sessions(connection: Connection) -> list[str]:
    return await _described(connection, "application_name = %s", APPLICATION)


async def _holders(connection: Connection) -> list[str]:
    """The longest transactions: one of them holds the lock that was not given."""
    return await _described(connection, "xact_start IS NOT NULL AND application_name <> %s", APPLICATION)


async def _described(connection: Connection, condition: Any, value: str) -> list[str]:
    rows = await connection.execute(
        "SELECT pid, usename, application_name, state, extract(epoch FROM now() - xact_start)::int "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        f"AND {condition} ORDER BY xact_start LIMIT 3",
        (value,),
    )
    return [
        f"session {pid} of {user} ({name or 'unnamed'}): {state}" + (f", in a transaction for {age} s" if age else "")
        for pid, user, name, state, age in await rows.fetchall()
    ]


def _index(statement: Statement) -> str | None:
    """The index of CREATE or DROP INDEX CONCURRENTLY, as PostgreSQL finds it: in the schema of its table."""
    match = _INDEX.match(statement.sql)
    if match is None:
        return None
    schema = match[3].rpartition(".")[0] if match[3] else ""
    return f"{schema}.{match[2]}" if schema and "." not in match[2] else match[2]


def _failure(job: Job, statement: Statement, cause: str) -> MigrationFailed:
    return MigrationFailed(
        f"{job.label}, line {statement.line}: {cause}",
        next="correct the migration in a new release; what it did was undone",
        details=statement.sql.splitlines()[:10],
    )


def _said(error: psycopg.Error) -> str:
    """PostgreSQL's own words, or those of the connection."""
    said = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    return ". ".join(part.rstrip(".") for part in said if part) or " ".join(str(error).split())


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
