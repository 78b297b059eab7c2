"""The journal in one SQLite file: the embedded default, for all operators of one host.

Every write is one immediate transaction with `synchronous=FULL`: when it returns, it is on the disk. The calls do
not await anything, so a cancelled task never leaves a half-made write.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from comporta.drivers.journals.outlines import INDEX, read_outlines
from comporta.model.chain import GENESIS, digest, first_broken
from comporta.model.errors import JournalError
from comporta.model.journal import Holder, Kind, Lease, Record
from comporta.model.leases import held, lost
from comporta.model.outlines import Outline
from comporta.model.values import from_json, to_json

UNSHARED = {"SQLITE_IOERR_SHMOPEN", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMMAP"}
"""What SQLite says when it cannot make the file by which processes share a database."""
UNREADABLE = (ValueError, TypeError, KeyError, RecursionError)
"""What reading says to a value that was damaged on the disk, past SQLite's own types."""
BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process that is writing."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY, at REAL NOT NULL, environment TEXT NOT NULL, deployment INTEGER,
    kind TEXT NOT NULL, step INTEGER, actor TEXT NOT NULL, generation INTEGER, data TEXT NOT NULL,
    previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS records_by_deployment ON records (deployment, sequence);
CREATE INDEX IF NOT EXISTS records_by_kind ON records (environment, kind, sequence);
CREATE TABLE IF NOT EXISTS leases (
    environment TEXT PRIMARY KEY, generation INTEGER NOT NULL, lease TEXT
) STRICT;
"""

Redact = Callable[[str], str]
Row = tuple[Any, ...]
"""Of the table of records, with all its columns: they are the fields of a Record, in the same order."""


class SqliteJournal:
    """Implements the Journal port.

    Args:
        path: the database file; it is made, readable by its owner only, on the first use.
        redact: takes secrets out of a text, before anything is written.
    """

    def __init__(self, path: Path, redact: Redact) -> None:
        self._path = path
        self._redact = redact
        self._connection: sqlite3.Connection | None = None

    async def lease(self, environment: str) -> Lease | None:
        with self._reading() as db:
            return _lease(db, environment)[1]

    async def acquire(
        self,
        environment: str,
        holder: Holder,
        *,
        at: float,
        displacing: int | None = None,
        manual: bool = False,
        message: str = "",
    ) -> Lease:
        with self._writing() as db:
            generation, current = _lease(db, environment)
            if current is not None and current.generation != displacing:
                raise held(current)
            lease = Lease(
                environment=environment,
                generation=generation + 1,
                holder=holder,
                acquired=at,
                heartbeat=at,
                manual=manual,
                message=self._redact(message),
            )
            _store(db, environment, lease.generation, lease)
        return lease

    async def heartbeat(self, lease: Lease, *, at: float, doing: str) -> None:
        with self._writing() as db:
            _require(db, lease)
            beating = msgspec.structs.replace(lease, heartbeat=at, doing=self._redact(doing))
            _store(db, lease.environment, lease.generation, beating)

    async def release(self, lease: Lease) -> None:
        with self._writing() as db:
            generation, current = _lease(db, lease.environment)
            if current is not None and generation == lease.generation:
                _store(db, lease.environment, generation, None)

    async def append(
        self,
        kind: Kind,
        *,
        at: float,
        environment: str,
        actor: str,
        lease: Lease | None,
        deployment: int | None = None,
        step: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> Record:
        with self._writing() as db:
            return self._append(db, kind, at, environment, actor, lease, deployment, step, data or {})

    async def open_deployment(
        self, *, at: float, lease: Lease, actor: str, data: dict[str, Any], number: int | None = None
    ) -> int:
        with self._writing() as db:
            number = number or _next_deployment(db)
            self._append(db, Kind.OPENED, at, lease.environment, actor, lease, number, None, data)
        return number

    async def request_deployment(self, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> int:
        with self._writing() as db:
            number = _next_deployment(db)
            self._append(db, Kind.REQUESTED, at, environment, actor, None, number, None, data)
        return number

    async def add_release(self, *, at: float, lease: Lease, actor: str, data: dict[str, Any]) -> int:
        with self._writing() as db:
            number: int = db.execute("SELECT count(*) + 1 FROM records WHERE kind = 'release'").fetchone()[0]
            data = {**data, "number": number}
            self._append(db, Kind.RELEASE, at, lease.environment, actor, lease, None, None, data)
        return number

    async def records(self, deployment: int) -> list[Record]:
        with self._reading() as db:
            return _of_deployment(db, deployment, "kind != 'measured'")

    async def measurements(self, deployment: int) -> list[Record]:
        with self._reading() as db:
            return _of_deployment(db, deployment, "kind = 'measured'")

    async def find(
        self,
        *,
        environment: str | None = None,
        kinds: tuple[Kind, ...],
        limit: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> list[Record]:
        conditions: dict[str, list[Any]] = {f"kind IN ({','.join('?' * len(kinds))})": [kind.value for kind in kinds]}
        for condition, value in (("environment = ?", environment), ("sequence > ?", after), ("sequence < ?", before)):
            if value is not None:
                conditions[condition] = [value]
        values = [value for group in conditions.values() for value in group]
        with self._reading() as db:
            sql = f"SELECT * FROM records WHERE {' AND '.join(conditions)} ORDER BY sequence DESC LIMIT ?"
            return [_checked(row) for row in db.execute(sql, [*values, -1 if limit is None else limit])]

    async def outlines(self, *, environment: str | None = None, since: float | None = None) -> list[Outline]:
        with self._reading() as db:
            return read_outlines(db, environment, since)

    async def hashed(self, prefix: str) -> Record | None:
        with self._reading() as db:
            sql = "SELECT * FROM records WHERE substr(hash, 1, ?) = ? ORDER BY sequence LIMIT 1"
            row = db.execute(sql, (len(prefix), prefix)).fetchone()
            return _checked(row) if row else None

    async def verify(self) -> Record | None:
        with self._reading() as db:
            broken = first_broken(_as_found(row) for row in db.execute("SELECT * FROM records ORDER BY sequence"))
            # The chain is over the records. An index that is damaged hides some of them from every other reader.
            damage = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if broken is None and damage != "ok":
                raise sqlite3.DatabaseError(damage)
            return broken

    def _append(
        self,
        db: sqlite3.Connection,
        kind: Kind,
        at: float,
        environment: str,
        actor: str,
        lease: Lease | None,
        deployment: int | None,
        step: int | None,
        data: dict[str, Any],
    ) -> Record:
        if lease is not None:
            _require(db, lease)
        last = db.execute("SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1").fetchone()
        sequence, previous = last or (0, GENESIS)
        record = Record(
            sequence=sequence + 1,
            at=at,
            environment=environment,
            deployment=deployment,
            kind=kind,
            step=step,
            actor=actor,
            generation=lease.generation if lease else None,
            data=_redacted(data, self._redact),
            previous=previous,
            hash="",
        )
        record = msgspec.structs.replace(record, hash=digest(record))
        db.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)", _row(record))
        return record

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            db = self._open(create=True)
            assert db is not None, "opened with create"
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            # Reading never makes the file: `comporta plan` changes nothing, not even that.
            try:
                db = self._open(create=False) or _empty()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname not in UNSHARED:
                    raise
                with closing(self._open_alone()) as alone:
                    yield alone
                return
            yield db

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.ValidationError, *UNREADABLE) as error:
            raise JournalError(
                f"cannot use the journal {self._path}: {error}",
                next="traffic is not affected; give the disk space, or the file to this user, then `comporta status`",
            ) from error

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is None:
            if not create and not self._path.exists():
                return None
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Made by ourselves first, so that no other user can read it at any moment.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = self._connect()
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(SCHEMA + INDEX)
            except sqlite3.Error:
                db.close()
                raise
            self._connection = db
        return self._connection

    def _open_alone(self) -> sqlite3.Connection:
        """For a read, without the file by which several processes share the database: a full disk has no room for it.

        While it is open, nobody else can use the journal.
        """
        db = self._connect()
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        return db

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


def _lease(db: sqlite3.Connection, environment: str) -> tuple[int, Lease | None]:
    """The last generation that was given out (0 if none), and the lease if somebody holds it."""
    row = db.execute("SELECT generation, lease FROM leases WHERE environment = ?", (environment,)).fetchone()
    if row is None:
        return 0, None
    return row[0], from_json(json.loads(row[1]), Lease) if row[1] else None


def _store(db: sqlite3.Connection, environment: str, generation: int, lease: Lease | None) -> None:
    text = json.dumps(to_json(lease)) if lease else None
    db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", (environment, generation, text))


def _require(db: sqlite3.Connection, lease: Lease) -> None:
    generation, current = _lease(db, lease.environment)
    if current is None or generation != lease.generation:
        raise lost(lease.environment, current)


def _next_deployment(db: sqlite3.Connection) -> int:
    number: int = db.execute("SELECT coalesce(max(deployment), 0) + 1 FROM records").fetchone()[0]
    return number


def _of_deployment(db: sqlite3.Connection, deployment: int, kinds: str) -> list[Record]:
    rows = db.execute(f"SELECT * FROM records WHERE deployment = ? AND {kinds} ORDER BY sequence", (deployment,))
    return [_checked(row) for row in rows]


def _row(record: Record) -> tuple[Any, ...]:
    data = json.dumps(record.data, sort_keys=True, ensure_ascii=False)
    return (
        record.sequence, record.at, record.environment, record.deployment, record.kind.value, record.step,
        record.actor, record.generation, data, record.previous, record.hash,
    )  # fmt: skip


def _checked(row: Row) -> Record:
    """The record of a row. Raises JournalError: it is not as it was written."""
    record = _as_found(row)
    if digest(record) != record.hash:
        raise JournalError(
            f"cannot use record {record.sequence} of the journal: it was changed, or is damaged",
            next="`comporta audit verify` checks all of them; traffic is not affected",
        )
    return record


def _as_found(row: Row) -> Record:
    """The record of a row that somebody may have changed: what cannot be read fits no hash."""
    try:
        return _record(row)
    except (msgspec.ValidationError, *UNREADABLE):
        sequence, at, environment, deployment = row[:4]
        return Record(
            sequence=sequence,
            at=at if isinstance(at, float) else 0.0,
            environment=str(environment),
            deployment=deployment if isinstance(deployment, int) else None,
            kind=Kind.NOTE,
            step=None,
            actor="",
            generation=None,
            data={},
            previous="",
            hash="",
        )


def _record(row: Row) -> Record:
    fields = dict(zip(Record.__struct_fields__, row, strict=True))
    return from_json({**fields, "data": json.loads(fields["data"])}, Record)


def _redacted(value: Any, redact: Redact) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, redact) for item in value]
    return value


def _empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    return db
