"""The watch's seconds in a SQLite file beside the journal. They are many, soon old, and no part of the truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from comporta.drivers.shared_sqlite import share
from comporta.model.errors import JournalError
from comporta.model.watching import Second, Tally

COLUMNS = ("requests", "errors", "unanswered", "seconds", "timed", "probes", "failed")
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS seconds (
    at INTEGER NOT NULL, release INTEGER NOT NULL, {", ".join(f"{name} NUMERIC NOT NULL" for name in COLUMNS)},
    PRIMARY KEY (at, release)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), cursor TEXT NOT NULL);
"""
ADD = f"""
INSERT INTO seconds (at, release, {", ".join(COLUMNS)}) VALUES (?, ?{", ?" * len(COLUMNS)})
ON CONFLICT (at, release) DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in COLUMNS)}
"""
PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""
SUM = ", ".join(f"coalesce(sum({name}), 0)" for name in COLUMNS)


class SqliteSeries:
    """Implements the Series port.

    Args:
        path: the database file, made on the first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def cursor(self) -> str | None:
        rows = self._rows("SELECT cursor FROM position")
        return rows[0][0] if rows else None

    async def began(self) -> int | None:
        rows = self._rows("SELECT min(at) FROM seconds")
        return rows[0][0] if rows else None

    async def add(self, seconds: Sequence[Second], *, cursor: str | None, forget_before: int) -> None:
        rows = [(second.at, second.release, *msgspec.structs.astuple(second.tally)) for second in seconds]
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(ADD, rows)
            db.execute("DELETE FROM seconds WHERE at < ?", (forget_before,))
            if cursor is not None:
                db.execute("INSERT OR REPLACE INTO position VALUES (1, ?)", (cursor,))
            db.execute("COMMIT")

    async def seconds(self, since: float, until: float) -> list[Second]:
        rows = self._rows("SELECT * FROM seconds WHERE at >= ? AND at < ? ORDER BY at, release", since, until)
        return [Second(at=at, release=release, tally=Tally(*parts)) for at, release, *parts in rows]

    async def total(self, since: float, until: float, release: int | None = None) -> Tally:
        where = "at >= ? AND at < ? AND release = coalesce(?, release)"
        rows = self._rows(f"SELECT {SUM} FROM seconds WHERE {where}", since, until, release)
        return Tally(*rows[0]) if rows else Tally()

    def _rows(self, query: str, *values: float | None) -> list[tuple[Any, ...]]:
        """What a query finds. Reading makes no file."""
        if not self._path.exists():
            return []
        with self._open() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises JournalError: the file cannot be read or written."""
        try:
            db = self._connection or self._connect()
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(
                f"cannot keep what the watch counts in {self._path}: {error}",
                next="free disk space, or delete the file: the watch then begins anew",
            ) from None

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, isolation_level=None, timeout=PATIENCE)
        share(db, patience=PATIENCE)
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(SCHEMA)
        self._connection = db
        return db
