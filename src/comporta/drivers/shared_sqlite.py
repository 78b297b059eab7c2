"""SQLite files that several processes use at once."""

from __future__ import annotations

import sqlite3
import time

EVERY = 0.01


def share(db: sqlite3.Connection, *, patience: float) -> None:
    """Let the others read while one writes (its mode WAL).

    SQLite waits for locks by itself, but not for the one that this takes: of several processes that open a new file at
    once, all but the first would be told that it is locked.

    Args:
        patience: how long to wait for the others, in seconds.

    Raises:
        sqlite3.OperationalError: they have not let go of it since, or it cannot be written.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(EVERY)
        else:
            return


def is_busy(error: Exception) -> bool:
    """Whether others hold a lock, for whatever reason."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
