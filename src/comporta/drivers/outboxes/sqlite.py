"""The outbox in one SQLite file of the state folder. It can be lost without harm: the journal is the truth."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from comporta.model.deliveries import Delivery, Status
from comporta.model.errors import OutboxError
from comporta.model.values import from_json, to_json

BUSY_TIMEOUT = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (environment TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    environment TEXT NOT NULL, sequence INTEGER NOT NULL, receiver TEXT NOT NULL, status TEXT NOT NULL,
    due REAL NOT NULL, delivery TEXT NOT NULL, PRIMARY KEY (environment, sequence, receiver)
) STRICT;
"""


class SqliteOutbox:
    """Implements the Outbox port. The file is made, readable by its owner only, with the first write."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def turn(self, environment: str) -> Iterator[bool]:
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_name(f"{self._path.stem}.{environment}.lock")
            descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            yield _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def begin(self, environment: str, sequence: int) -> None:
        if self._position(environment) is None:
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO positions VALUES (?, ?)", (environment, sequence - 1))

    async def position(self, environment: str) -> int | None:
        return self._position(environment)

    async def take_in(self, environment: str, position: int, deliveries: Sequence[Delivery]) -> None:
        with self._writing() as db:
            for delivery in deliveries:
                db.execute("INSERT OR IGNORE INTO deliveries VALUES (?,?,?,?,?,?)", _row(environment, delivery))
            db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (environment, position))

    async def update(self, environment: str, delivery: Delivery) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO deliveries VALUES (?,?,?,?,?,?)", _row(environment, delivery))

    async def delivered(self, environment: str, delivery: Delivery) -> None:
        with self._writing() as db:
            db.execute(
                "DELETE FROM deliveries WHERE environment = ? AND sequence = ? AND receiver = ?",
                (environment, delivery.sequence, delivery.receiver),
            )

    async def all(self, environment: str) -> list[Delivery]:
        sql = "SELECT delivery FROM deliveries WHERE environment = ? ORDER BY sequence, receiver"
        with self._reading() as db:
            return [from_json(json.loads(text), Delivery) for (text,) in db.execute(sql, (environment,))]

    async def forget(self, environment: str, before: float) -> None:
        with self._writing() as db:
            db.execute(
                "DELETE FROM deliveries WHERE environment = ? AND status = ? AND due <= ?",
                (environment, Status.GIVEN_UP.value, before),
            )

    def _position(self, environment: str) -> int | None:
        with self._reading() as db:
            row = db.execute("SELECT sequence FROM positions WHERE environment = ?", (environment,)).fetchone()
            return row[0] if row else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(self._connect()) as db:
                db.executescript(SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # Reading never makes the file: `comporta status` changes nothing.
        with self._told():
            if self._path.exists() and self._path.stat().st_size:
                with closing(self._connect()) as db:
                    yield db
                return
            with closing(sqlite3.connect(":memory:")) as empty:
                empty.executescript(SCHEMA)
                yield empty

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.ValidationError, json.JSONDecodeError) as error:
            raise OutboxError(
                f"cannot use the outbox of the alerts, {self._path}: {error}",
                next="deployments are not affected; give the disk space, or the file to this user, or delete it",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)


def _row(environment: str, delivery: Delivery) -> tuple[object, ...]:
    text = json.dumps(to_json(delivery), ensure_ascii=False)
    return (environment, delivery.sequence, delivery.receiver, delivery.status.value, delivery.due, text)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
