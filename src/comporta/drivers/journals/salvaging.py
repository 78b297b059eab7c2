"""Taking what is whole out of a damaged journal, into a new one."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil

from comporta.drivers.journals.rows import as_found, row_of
from comporta.drivers.journals.tables import SCHEMA
from comporta.model.chain import intact, rechained
from comporta.model.errors import JournalError
from comporta.model.journal import Kind, Record
from comporta.model.salvage import Salvage, recovery

BEYOND = 1000
"""Places that are tried beyond the last one that can be read, where nobody can tell which is the last."""


def salvage(path: Path) -> Salvage:
    """What can be had of the journal in a file. Changes nothing."""
    if not path.exists():
        return Salvage()
    kept, lost, head = 0, [], ""
    releases, newest = [], 0
    with closing(_connect(path)) as db:
        for sequence, record in enumerate(intact(_found(db)), start=1):
            if record is None:
                lost.append(sequence)
                continue
            kept, head = kept + 1, record.hash
            newest = max(newest, record.deployment or 0)
            releases += [record.data["number"]] if record.kind is Kind.RELEASE else []
        seen = _ask(db, "SELECT max(deployment) FROM records") or 0
        problem = _problem(db)
    # A number beyond what was lost is itself damaged.
    deployment = seen if newest < seen <= newest + len(lost) else None
    return Salvage(
        kept=kept, lost=tuple(lost), head=head, releases=tuple(releases), deployment=deployment, problem=problem
    )


def rebuild(path: Path, found: Salvage, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> Path:
    """Set the file aside, and put a new one in its place; see the port."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}")
    recovered = recovery(found, at=at, environment=environment, actor=actor, data={**data, "aside": aside.name})
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        _fill(new, path, recovered)
        _exchange(path, aside, new)
    finally:
        new.unlink(missing_ok=True)
    return aside


def _fill(new: Path, path: Path, recovered: Record) -> None:
    with closing(_connect(path)) as old, closing(_connect(new)) as db:
        db.executescript(f"PRAGMA synchronous = FULL; {SCHEMA}")
        db.execute("BEGIN")
        for record in rechained(intact(_found(old)), recovered):
            db.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)", row_of(record))
        for environment, generation in _generations(old, db).items():
            db.execute("INSERT INTO leases VALUES (?, ?, NULL)", (environment, generation))
        db.execute("COMMIT")


def _exchange(path: Path, aside: Path, new: Path) -> None:
    """After a crash in between there is the old one still, or the new one; and the old one is kept in any case."""
    _require_unused(path)
    log = path.with_name(f"{path.name}-wal")
    os.link(path, aside)
    if log.exists():
        log.replace(aside.with_name(f"{aside.name}-wal"))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_unused(path: Path) -> None:
    """Whoever has the file open would go on writing to the old one."""
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error):
            if any(file.path == str(path.resolve()) for file in process.open_files()):
                raise JournalError(
                    f"cannot set the journal aside: process {process.pid} uses it: {' '.join(process.cmdline())}",
                    next="end it, or wait until it has ended, and try again",
                )


def _found(db: sqlite3.Connection) -> Iterator[Record | None]:
    """What stands in each place from the first to the last; None where there is nothing that can be read."""
    last = _ask(db, "SELECT max(sequence) FROM records") or _last_readable(db)
    for place in range(1, last + 1):
        yield _at(db, place)


def _last_readable(db: sqlite3.Connection) -> int:
    last = place = 0
    while place - last <= BEYOND:
        place += 1
        last = last if _at(db, place) is None else place
    return last


def _at(db: sqlite3.Connection, place: int) -> Record | None:
    with suppress(sqlite3.Error):
        row = db.execute("SELECT * FROM records WHERE sequence = ?", (place,)).fetchone()
        return as_found(row) if row else None
    return None


def _ask(db: sqlite3.Connection, sql: str) -> int | None:
    """A number; None where there is none that can be read."""
    with suppress(sqlite3.Error):
        value = db.execute(sql).fetchone()[0]
        return value if isinstance(value, int) else None
    return None


def _problem(db: sqlite3.Connection) -> str:
    try:
        said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else said


def _generations(old: sqlite3.Connection, new: sqlite3.Connection) -> dict[str, int]:
    """The last generation of each environment's lease: as the leases tell it, or at least the records."""
    sql = "SELECT environment, max(generation) FROM records WHERE generation IS NOT NULL GROUP BY environment"
    found: dict[str, int] = dict(new.execute(sql))
    with suppress(sqlite3.Error):
        for environment, generation in old.execute("SELECT environment, generation FROM leases").fetchall():
            found[environment] = max(generation, found.get(environment, 0))
    return found


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)
