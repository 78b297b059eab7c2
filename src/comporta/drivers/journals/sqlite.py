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

from comporta.drivers.journals.outlines import last_release, read_outlines
from comporta.drivers.journals.rows import RECOVER, UNREADABLE, as_found, checked, is_damage, row_of
from comporta.drivers.journals.salvaging import rebuild, salvage
from comporta.drivers.journals.tables import SCHEMA, empty
from comporta.drivers.shared_sqlite import is_busy, share
from comporta.model.chain import chained, first_broken
from comporta.model.errors import JournalBusy, JournalDamaged, JournalError
from comporta.model.journal import Holder, Kind, Lease, Record
from comporta.model.leases import held, lost
from comporta.model.outlines import Outline
from comporta.model.salvage import Salvage
from comporta.model.values import from_json, to_json

UNSHARED = {"SQLITE_IOERR_SHMOPEN", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMMAP", "SQLITE_CANTOPEN"}
"""What SQLite says when it cannot make the file by which processes share a database."""
BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process that is writing."""

Redact = Callable[[str], str]


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
        # An index that is damaged hides records: nobody may act on what is left to be seen.
        with self._reading() as db:
            _require_sound(db)
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
            number = last_release(db) + 1
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
            return [checked(row) for row in db.execute(sql, [*values, -1 if limit is None else limit])]

    async def outlines(self, *, environment: str | None = None, since: float | None = None) -> list[Outline]:
        with self._reading() as db:
            return read_outlines(db, environment, since)

    async def hashed(self, prefix: str) -> Record | None:
        with self._reading() as db:
            sql = "SELECT * FROM records WHERE substr(hash, 1, ?) = ? ORDER BY sequence LIMIT 1"
            row = db.execute(sql, (len(prefix), prefix)).fetchone()
            return checked(row) if row else None

    async def verify(self) -> Record | None:
        with self._reading() as db:
            broken = first_broken(as_found(row) for row in db.execute("SELECT * FROM records ORDER BY sequence"))
            if broken is None:
                _require_sound(db)  # the chain is over the records, and knows nothing of the indexes
            return broken

    async def salvage(self) -> Salvage:
        with self._told():
            return salvage(self._path)

    async def rebuild(self, salvage: Salvage, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> str:
        self.close()
        with self._told():
            facts = _redacted(data, self._redact)
            return str(rebuild(self._path, salvage, at=at, environment=environment, actor=actor, data=facts))

    def close(self) -> None:
        """Give the file free; it is opened again on the next use."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
        last = db.execute("SELECT * FROM records ORDER BY sequence DESC LIMIT 1").fetchone()
        record = Record(
            sequence=0,
            at=at,
            environment=environment,
            deployment=deployment,
            kind=kind,
            step=step,
            actor=actor,
            generation=lease.generation if lease else None,
            data=_redacted(data, self._redact),
            previous="",
            hash="",
        )
        record = chained(record, checked(last) if last else None)
        db.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)", row_of(record))
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
                db = self._open(create=False) or empty()
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
            if is_busy(error):
                raise JournalBusy(
                    f"cannot use the journal {self._path}: somebody else has been writing to it for {BUSY_TIMEOUT:g} s",
                    next="`comporta status` shows who it may be; `comporta unlock` ends it if it gives no sign of life",
                ) from error
            if is_damage(error):
                raise JournalDamaged(f"cannot use the journal {self._path}: {error}", next=RECOVER) from error
            raise JournalError(
                f"cannot use the journal {self._path}: {error}",
                next="traffic is not affected; give the disk space, this user the folder or file, or the process more "
                "open files (`ulimit -n`), then `comporta status`",
            ) from error

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is None:
            if create:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # Made by ourselves first, so that no other user can read it at any moment.
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            elif not self._path.exists():
                return None
            db = self._connect()
            try:
                share(db, patience=BUSY_TIMEOUT)
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(SCHEMA)
            except sqlite3.Error:
                db.close()
                raise
            self._connection = db
        return self._connection

    def _open_alone(self) -> sqlite3.Connection:
        """For a read, without the file by which several processes share the database: a full disk has no room for it,
        and in a folder that is read-only it cannot be made.

        While it is open, nobody else can use the journal.
        """
        if not self._path.with_name(f"{self._path.name}-wal").exists():
            # All that was written stands in the one file.
            return sqlite3.connect(f"{self._path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
        db = self._connect()
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        return db

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


def _require_sound(db: sqlite3.Connection) -> None:
    """Raises DatabaseError: a page is not as SQLite writes it, or an index does not lead to all records."""
    damage = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if damage != "ok":
        raise sqlite3.DatabaseError(damage)


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
    return [checked(row) for row in rows]


def _redacted(value: Any, redact: Redact) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, redact) for item in value]
    return value
