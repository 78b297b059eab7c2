"""A backup, for scripts and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comporta.cli.times import iso

if TYPE_CHECKING:
    from comporta.model.backups import Backup


def facts(backup: Backup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "at": iso(backup.at),
        "database": backup.database,
        "engine": backup.engine,
        "version": backup.content.version,
        "revision": backup.content.revision,
        "schema": backup.content.schema_digest,
        "rows": backup.content.rows,
        "size": backup.size,
        "sha256": backup.sha256,
        "encrypted": backup.sealed,
        "reason": backup.reason,
        "actor": backup.actor,
        "verified_at": iso(backup.verified_at),
        "damage": backup.damage,
    }


def state(backup: Backup) -> str:
    """In a word."""
    if backup.damage:
        return "damaged"
    return "verified" if backup.verified_at is not None else "not verified"


def line(backup: Backup) -> str:
    from comporta.model.backups import bytes_text

    return f"{backup.id}: {bytes_text(backup.size)}, {backup.content.total} rows, {state(backup)}"
