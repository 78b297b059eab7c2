"""The tables of the journal in SQLite."""

from __future__ import annotations

import sqlite3

from comporta.drivers.journals.outlines import INDEX

SCHEMA = f"""
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
{INDEX}
"""


def empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    return db
