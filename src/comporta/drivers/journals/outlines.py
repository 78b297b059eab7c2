"""Deployments in outline, out of SQLite: from an index alone, however large the plans are.

The index holds the few facts that are wanted of each record, as expressions over the record. SQLite keeps it in the
same transaction as the record, so it is no second truth and cannot be stale. Without it, the answer is the same.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from comporta.model.journal import Outcome
from comporta.model.outlines import Outline

# The queries must write these expressions, and the condition, as the index does: SQLite compares them as text.
# A record that was damaged has no facts here: it must not keep the journal from being opened, and audited.
STRATEGY, RELEASE, NUMBER, OUTCOME, LOST = (
    f"CASE WHEN json_valid(data) THEN json_extract(data, '$.{path}') END"
    for path in ("plan.strategy", "plan.release.number", "number", "outcome", "lost")
)
KINDS = "kind IN ('opened', 'failed', 'foreign', 'abort', 'finished', 'release')"
INDEX = f"""
CREATE INDEX IF NOT EXISTS records_in_outline ON records
    (kind, deployment, at, environment, {STRATEGY}, {RELEASE}, {NUMBER}, {OUTCOME}, {LOST})
    WHERE {KINDS};
"""


def read_outlines(db: sqlite3.Connection, environment: str | None, since: float | None) -> list[Outline]:
    """The deployments of an environment (None: of all) that began then or later, oldest first."""
    created = dict(_rows(db, "release", f"{NUMBER}, at"))
    ends = {row[0]: row for row in _rows(db, "finished", f"deployment, at, {OUTCOME}, {LOST}", since)}
    failed: dict[int, float] = {}
    for kind in ("failed", "foreign", "abort"):
        for number, at in _rows(db, kind, "deployment, at", since):
            failed[number] = min(at, failed.get(number, at))
    outlines: list[Outline] = []
    for number, place, started, strategy, release in _rows(
        db, "opened", f"deployment, environment, at, {STRATEGY}, {RELEASE}", since
    ):
        if environment in (None, place):
            _, ended, outcome, lost = ends.get(number, NOT_ENDED)
            outlines.append(
                Outline(
                    number=number,
                    environment=place,
                    strategy=strategy,
                    started=started,
                    created=created.get(release),
                    failed=failed.get(number),
                    ended=ended,
                    outcome=OUTCOMES[outcome],
                    lost=lost,
                )
            )
    return outlines


def last_release(db: sqlite3.Connection) -> int:
    """The highest number of a release; 0 if there is none."""
    number: int = db.execute(
        f"SELECT coalesce(max({NUMBER}), 0) FROM records WHERE {KINDS} AND kind = 'release'"
    ).fetchone()[0]
    return number


NOT_ENDED = (None, None, None, None)
OUTCOMES: dict[str | None, Outcome | None] = {None: None, **{outcome.value: outcome for outcome in Outcome}}


def _rows(db: sqlite3.Connection, kind: str, columns: str, since: float | None = None) -> sqlite3.Cursor:
    sql = f"SELECT {columns} FROM records WHERE {KINDS} AND kind = ? AND at >= ? ORDER BY deployment, at"
    values: tuple[Any, ...] = (kind, float("-inf") if since is None else since)
    return db.execute(sql, values)
