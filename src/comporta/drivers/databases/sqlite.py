"""SQLite: its online backup, in both directions.

A restore goes through SQLite's own locks and journal into the file that is there: writers wait, open connections see
the new content, and a crash on the way leaves the old. A file moved over another would meet the old one's WAL.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from comporta.drivers.databases.schema_text import digests
from comporta.model.backups import Description, Seen
from comporta.model.errors import BackupFailed
from comporta.ports.database import Dump, Pour

PAGES = 2048
"""Copied between two looks at the progress."""
BUSY = 30.0
"""Seconds to wait for the writer that has the file."""
SUFFIX = ".sqlite-copy"
REVISIONS = {
    "comporta_migrations": "SELECT revision FROM comporta_migrations ORDER BY position DESC LIMIT 1",
    "alembic_version": "SELECT group_concat(version_num) FROM (SELECT * FROM alembic_version ORDER BY 1)",
}

T = TypeVar("T")


class Sqlite:
    """Implements Database, for the file at a path."""

    engine = "sqlite"
    copies = 2

    def __init__(self, path: Path, work: Path) -> None:
        self.path = path
        self._work = work

    @property
    def identity(self) -> str:
        return f"sqlite:///{self.path}"

    async def describe(self) -> Description:
        return await in_thread(_describe_live, self._there())

    async def size(self) -> int:
        wal = self.path.with_name(f"{self.path.name}-wal")
        return self._there().stat().st_size + (wal.stat().st_size if wal.exists() else 0)

    async def room(self) -> int | None:
        return shutil.disk_usage(self.path.parent).free

    @asynccontextmanager
    async def dump(self) -> AsyncIterator[Dump]:
        with self._copy() as copy:
            await in_thread(_copy_out, self._there(), copy)
            with copy.open("rb") as source:
                dump = Dump(source)
                yield dump
            dump.content = await in_thread(_describe_copy, copy)

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[SqliteScratch]:
        with self._copy() as copy:
            yield SqliteScratch(self.path, copy)

    async def sweep(self) -> tuple[str, ...]:
        left = tuple(self._work.glob(f"*{SUFFIX}*"))
        for path in left:
            path.unlink(missing_ok=True)
        return tuple(path.name for path in left)

    def _there(self) -> Path:
        if not self.path.is_file():
            raise BackupFailed(f"cannot read the database: there is no file {self.path}", next="correct `database.url`")
        return self.path

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        """A place that only we can read."""
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = self._work / f"{secrets.token_hex(8)}{SUFFIX}"
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield copy
        finally:
            for path in self._work.glob(f"{copy.name}*"):  # with a journal of its own, after a failure
                path.unlink(missing_ok=True)


class SqliteScratch:
    """Implements Scratch."""

    def __init__(self, real: Path, copy: Path) -> None:
        self._real = real
        self._copy = copy

    async def load(self, pour: Pour) -> None:
        def fill() -> None:
            with self._copy.open("wb") as file:
                pour(file)

        await in_thread(fill)

    async def describe(self) -> Description:
        return await in_thread(_describe_copy, self._copy)

    async def take_over(self, seen: Seen, *, keep: str) -> str:
        """The old content is copied aside where it is to be kept, and then overwritten in one transaction."""
        aside = self._real.with_name(f"{self._real.name}.before-{keep}")
        if kept := bool(keep) and self._real.exists():
            await in_thread(_copy_out, self._real, aside)
        await in_thread(_copy_in, self._copy, self._real, seen)
        return str(aside) if kept else ""


async def in_thread(function: Callable[..., T], *values: Any) -> T:
    """Raises BackupFailed: SQLite or the disk refused it."""
    try:
        return await anyio.to_thread.run_sync(function, *values, abandon_on_cancel=True)
    except sqlite3.Error as error:
        raise BackupFailed(f"cannot go on: SQLite said: {error}") from None
    except OSError as error:
        raise BackupFailed(f"cannot go on: {error}", next="free some space, or correct the rights") from None


def _copy_out(path: Path, copy: Path) -> None:
    """One snapshot: the reading transaction keeps the copy from beginning again with each write."""
    with closing(_reading(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=PAGES, sleep=0)


def _copy_in(copy: Path, path: Path, seen: Seen) -> None:
    """In one transaction of the target, that ends with the last page."""
    size = copy.stat().st_size
    done = 0

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal done
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise sqlite3.OperationalError(f"another writer has had the file for {BUSY:g} s")
        now = size * (total - remaining) // max(total, 1)
        seen(now - done)
        done = now

    with closing(_immutable(copy)) as source, closing(sqlite3.connect(path, timeout=BUSY)) as target:
        target.execute("PRAGMA synchronous = FULL")
        target.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=PAGES, progress=progress, sleep=0.01)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY, isolation_level=None)


def _immutable(copy: Path) -> sqlite3.Connection:
    """Nobody else has it: it is read without locks, and without files beside it."""
    return sqlite3.connect(f"{copy.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)


def _describe_live(path: Path) -> Description:
    with closing(_reading(path)) as db:
        db.execute("BEGIN")
        return _description(db)


def _describe_copy(copy: Path) -> Description:
    with closing(_immutable(copy)) as db:
        (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupFailed(f"cannot use the copy of the database: it is damaged: {found}")
        return _description(db)


def _description(db: sqlite3.Connection) -> Description:
    objects = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    tables = [
        name for kind, name, _, sql in objects if kind == "table" and not sql.upper().startswith("CREATE VIRTUAL")
    ]
    counts = {name: db.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in sorted(tables)}
    noted = next((db.execute(REVISIONS[name]).fetchone() for name in REVISIONS if name in tables), None)
    (size,) = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    return Description(
        version=sqlite3.sqlite_version,
        schema=digests(objects),
        rows=counts,
        revision=noted[0] if noted else None,
        size=size,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
