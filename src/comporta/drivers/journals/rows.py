"""Records as rows of SQLite, and back."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec

from comporta.model.chain import digest
from comporta.model.errors import JournalDamaged
from comporta.model.journal import Kind, Record
from comporta.model.values import from_json

Row = tuple[Any, ...]
"""Of the table of records, with all its columns: they are the fields of a Record, in the same order."""
RECOVER = (
    "traffic is not affected; `comporta audit verify` checks all of it, "
    "`comporta audit recover` goes on with what is whole"
)
UNREADABLE = (ValueError, TypeError, KeyError, RecursionError)
"""What reading says to a value that was damaged on the disk, past SQLite's own types."""


DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(error: Exception) -> bool:
    """What was read is nothing that was ever written. Where SQLite gives no code, what it read is no value."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is None or code & 0xFF in DAMAGE
    return not isinstance(error, OSError)


def row_of(record: Record) -> Row:
    data = json.dumps(record.data, sort_keys=True, ensure_ascii=False)
    return (
        record.sequence, record.at, record.environment, record.deployment, record.kind.value, record.step,
        record.actor, record.generation, data, record.previous, record.hash,
    )  # fmt: skip


def checked(row: Row) -> Record:
    """The record of a row. Raises JournalError: it is not as it was written."""
    record = as_found(row)
    if digest(record) != record.hash:
        raise JournalDamaged(
            f"cannot use record {record.sequence} of the journal: it was changed, or is damaged", next=RECOVER
        )
    return record


def as_found(row: Row) -> Record:
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
