"""Backups of the database: what is known of one, which are kept, and whether a restored one is what was backed up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from comporta.model.spec import KeepSpec
from comporta.model.values import Value

BEFORE_CONTRACT = "before contracting it to"
"""How the reason of a backup begins that was made before something was taken away from the schema."""


class Description(Value, frozen=True):
    """A database at one moment.

    Attributes:
        version: of the engine.
        schema: a digest of each definition, by its kind and name.
        rows: in each table.
        revision: of the schema, where a migration tool noted one.
        size: bytes that it takes up.
    """

    version: str
    schema: dict[str, str]
    rows: dict[str, int]
    revision: str | None = None
    size: int = 0

    @property
    def schema_digest(self) -> str:
        """Two databases with the same one have the same schema."""
        lines = "\n".join(f"{name}\t{digest}" for name, digest in sorted(self.schema.items()))
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    @property
    def total(self) -> int:
        return sum(self.rows.values())


LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Backup(Value, frozen=True):
    """One backup, as its manifest has it.

    Attributes:
        id: sorts by time.
        at: when its snapshot was taken (seconds since the epoch).
        database: which one, without user and password.
        content: the database in the very snapshot that was backed up.
        size: bytes of the data, as they are stored.
        sha256: of the same.
        sealed: encrypted: to read it takes an identity.
        reason: why it was made; `actor`: by whom.
        verified_at: when it was last restored and compared; None: never.
        damage: what was wrong then; empty: nothing.
    """

    id: str
    at: float
    service: str
    environment: str
    database: str
    engine: str
    content: Description
    reason: str
    actor: str
    size: int = 0
    sha256: str = ""
    sealed: bool = False
    verified_at: float | None = None
    damage: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.at < LAST_DAY:
            raise ValueError(f"at must be a moment from 1970 to 9999, not {self.at:g}")


class Listing(Value, frozen=True):
    """What is in a store: the backups, newest first, and the ids of those whose manifest or data is damaged."""

    backups: tuple[Backup, ...] = ()
    damaged: tuple[str, ...] = ()


def backup_id(at: float, mark: str) -> str:
    """The time to the second in UTC, and a mark that tells two of the same second apart."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}-{mark}"


def latest_verified(backups: Sequence[Backup]) -> Backup | None:
    verified = [backup for backup in backups if backup.verified_at is not None]
    return max(verified, key=lambda backup: backup.at, default=None)


def before_contract(backups: Sequence[Backup]) -> Backup | None:
    """The newest verified one from before a contract that holds: nothing else has what that took away.

    A contract that failed, or was undone since, left the schema at the revision of its backup.
    """
    newest = max(backups, key=lambda backup: backup.at, default=None)
    now = newest.content.revision if newest else None
    made_for_it = [one for one in backups if one.reason.startswith(BEFORE_CONTRACT)]
    return latest_verified([one for one in made_for_it if one.content.revision is None or one.content.revision != now])


def surplus(backups: Sequence[Backup], keep: KeepSpec) -> tuple[Backup, ...]:
    """Those that nothing keeps, oldest first: no rule, and they are neither the last one that was verified nor the last
    one from before a contract.
    """
    newest_first = sorted(backups, key=lambda backup: backup.at, reverse=True)
    kept = {backup.id for backup in newest_first[: keep.last]}
    kept |= _newest_of_each(newest_first, keep.daily, "%Y-%m-%d")
    kept |= _newest_of_each(newest_first, keep.weekly, "%G-%V")
    kept |= {one.id for one in (latest_verified(backups), before_contract(backups)) if one is not None}
    return tuple(backup for backup in reversed(newest_first) if backup.id not in kept)


def _newest_of_each(newest_first: Sequence[Backup], count: int, period: str) -> set[str]:
    """The newest backup of each of the last days or weeks (in UTC) that have one."""
    by_period: dict[str, str] = {}
    for backup in newest_first:
        by_period.setdefault(datetime.fromtimestamp(backup.at, UTC).strftime(period), backup.id)
    return set(list(by_period.values())[:count])


def differences(expected: Description, found: Description) -> tuple[str, ...]:
    """In which a restored database is not the one that was backed up; empty: it is the same."""
    tables = sorted(expected.rows.keys() | found.rows.keys())
    counts = tuple(
        f"{table}: {_rows(expected, table)} were backed up, {_rows(found, table)} came back"
        for table in tables
        if expected.rows.get(table) != found.rows.get(table)
    )
    names = sorted(expected.schema.keys() | found.schema.keys())
    changed = tuple(
        f"{name} is defined in another way" for name in names if expected.schema.get(name) != found.schema.get(name)
    )
    return (*changed, *counts)


def _rows(description: Description, table: str) -> str:
    count = description.rows.get(table)
    return "no table" if count is None else f"{count} rows"


def bytes_text(count: int) -> str:
    """As people read it: "812 B", "3.4 MB", "1.2 GB"."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


Seen = Callable[[int], Any]
"""Hears of each further number of bytes."""
