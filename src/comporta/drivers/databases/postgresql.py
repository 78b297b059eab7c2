"""PostgreSQL: pg_dump in custom format of an exported snapshot, and a new database that takes the old one's name."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

import anyio
import anyio.to_thread
import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from comporta.drivers.databases.postgresql_content import Connection, description
from comporta.drivers.databases.postgresql_like import create, like
from comporta.drivers.databases.postgresql_programs import program, running
from comporta.drivers.databases.postgresql_swap import swap
from comporta.model.backups import Description, Seen
from comporta.model.errors import BackupFailed
from comporta.ports.database import Dump, Pour
from comporta.steps.groups import task_group

APPLICATION = "comporta backup"
CONNECT_TIMEOUT = 10
LOCK_WAIT = "60s"
"""How long we, and pg_dump, wait for a table that a migration holds: for the weakest lock, behind which few queue."""
OTHERS = ("postgres", "template1")
"""Databases from which the real one is created and renamed, the first one that is another."""
LONGEST_NAME = 63
"""Bytes."""
LOCAL = ("", "localhost", "127.0.0.1", "::1")


class Postgresql:
    """Implements Database. The URL is libpq's; what it leaves out comes from PG… variables and ~/.pgpass.

    To restore takes a role that may create databases and owns the real one.
    """

    engine = "postgresql"
    copies = 1

    def __init__(self, url: str) -> None:
        self._parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        user = self._parameters.get("user") or os.environ.get("PGUSER", "")
        self.name = self._parameters.get("dbname") or os.environ.get("PGDATABASE") or user
        self.prefix = f"comporta_{sha256(self.name.encode()).hexdigest()[:8]}_"

    @property
    def identity(self) -> str:
        port = self._parameters.get("port") or os.environ.get("PGPORT", "5432")
        return f"postgresql://{self._host or 'localhost'}:{port}/{self.name}"

    @property
    def _host(self) -> str:
        return self._parameters.get("host") or os.environ.get("PGHOST", "")

    async def describe(self) -> Description:
        async with self.connected(self.name) as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return await description(connection)

    async def size(self) -> int:
        """Without indexes, of which a dump holds only the definitions."""
        query = "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
        async with self.connected(self.name) as connection:
            return int(await one(connection, query))

    async def room(self) -> int | None:
        if self._host not in LOCAL and not self._host.startswith("/"):
            return None
        with suppress(psycopg.Error, OSError):
            async with self.elsewhere() as connection:
                return shutil.disk_usage(str(await one(connection, "SHOW data_directory"))).free
        return None

    @asynccontextmanager
    async def dump(self) -> AsyncIterator[Dump]:
        async with self.connected(self.name) as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = await one(connection, "SELECT pg_export_snapshot()")
            words = [program("pg_dump", major(connection)), "--format=custom", "--no-password"]
            words += [f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT}"]
            with running(words, self._parameters, stdout=subprocess.PIPE) as dumping:
                assert dumping.process.stdout is not None
                dump = Dump(dumping.process.stdout)
                async with task_group() as group:
                    group.start_soon(_count, connection, dump)
                    yield dump
                if await anyio.to_thread.run_sync(dumping.ended, abandon_on_cancel=True):
                    raise dumping.failure("cannot back up the database")

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[PostgresqlScratch]:
        name = f"{self.prefix}{secrets.token_hex(4)}"
        async with self.elsewhere() as admin:
            try:
                await create(admin, name, await like(admin, self.name))
                async with self.connected(name) as connection:
                    yield PostgresqlScratch(self, name, connection)
            finally:
                with anyio.CancelScope(shield=True), suppress(psycopg.Error):
                    await drop(admin, name)

    async def sweep(self) -> tuple[str, ...]:
        """Databases that nobody is connected to: whoever works on one is. Left: those that are in use."""
        swept = []
        async with self.elsewhere() as admin:
            query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
            for (name,) in await (await admin.execute(query, (self.prefix,))).fetchall():
                with suppress(errors.ObjectInUse, errors.InsufficientPrivilege, errors.InvalidCatalogName):
                    await admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
                    swept.append(name)
        return tuple(swept)

    def parameters(self, name: str) -> dict[str, str]:
        return {**self._parameters, "dbname": name, "application_name": APPLICATION}

    @asynccontextmanager
    async def elsewhere(self) -> AsyncIterator[Connection]:
        """A connection to another database of the same server."""
        async with self.connected(next(other for other in OTHERS if other != self.name)) as connection:
            yield connection

    @asynccontextmanager
    async def connected(self, name: str) -> AsyncIterator[Connection]:
        """Raises BackupFailed: there is no connection, or a statement failed in the block."""
        parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, **self.parameters(name)}
        try:
            connection = await psycopg.AsyncConnection.connect(autocommit=True, **parameters)
        except psycopg.Error as error:
            raise BackupFailed(
                f"cannot reach the database: {said(error)}", next="see whether it runs; `database.url` names it"
            ) from None
        try:
            await connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
            yield connection
        except errors.InsufficientPrivilege as error:
            raise BackupFailed(
                f"cannot go on: the database's role lacks a right: {said(error)}",
                next="a backup needs to read every table; verify and restore need CREATEDB, and to own the database",
            ) from None
        except psycopg.Error as error:
            raise BackupFailed(f"cannot go on: the database said: {said(error)}") from None
        finally:
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):
                await connection.close()


class PostgresqlScratch:
    """Implements Scratch. Its connection shows others that somebody works on it."""

    def __init__(self, database: Postgresql, name: str, connection: Connection) -> None:
        self._database = database
        self._name = name
        self._connection = connection

    async def load(self, pour: Pour) -> None:
        words = [program("pg_restore", major(self._connection)), "--exit-on-error", "--no-password"]
        with running(words, self._database.parameters(self._name), stdin=subprocess.PIPE) as restoring:
            stdin = restoring.process.stdin
            assert stdin is not None

            def fill() -> None:
                # Whoever stops listening says why with its exit code.
                with suppress(BrokenPipeError):
                    pour(stdin)
                with suppress(BrokenPipeError):
                    stdin.close()
                restoring.ended()

            await anyio.to_thread.run_sync(fill, abandon_on_cancel=True)
            if restoring.process.returncode:
                raise restoring.failure("cannot restore into a scratch database")

    async def describe(self) -> Description:
        return await description(self._connection)

    async def take_over(self, seen: Seen, *, keep: str) -> str:
        """Nothing is copied: both databases change their names in one transaction."""
        await self._connection.close()
        database = self._database
        old = _kept(database.name, f"_before_{keep}") if keep else f"{database.prefix}{secrets.token_hex(4)}"
        async with database.elsewhere() as admin, database.elsewhere() as ender:
            was_there = await swap(admin, ender, database.name, old, self._name)
            if was_there and not keep:
                await drop(admin, old)
        return old if was_there and keep else ""


def _kept(name: str, suffix: str) -> str:
    """A name that the server does not cut off."""
    return name.encode()[: LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix


async def _count(connection: Connection, dump: Dump) -> None:
    dump.content = await description(connection)


async def drop(admin: Connection, name: str) -> None:
    await admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


async def one(connection: Connection, query: Any) -> Any:
    row = await (await connection.execute(query)).fetchone()
    return row[0] if row else None


def major(connection: Connection) -> int:
    return connection.info.server_version // 10000


def said(error: psycopg.Error) -> str:
    """The server's message, on one line."""
    return " ".join((error.diag.message_primary or str(error)).split())
