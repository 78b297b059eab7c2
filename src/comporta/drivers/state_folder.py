"""The folder in which comporta keeps its journal and what its drivers need."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from comporta.model.errors import UsageError
from comporta.model.findings import Finding

ENOUGH_BYTES = 200 * 1024 * 1024


def require_trusted(folder: Path) -> None:
    """Refuse a folder in which everybody may make files: a link there, or a proxy's file, would be followed by us.

    Raises:
        UsageError: it is such a folder.
    """
    if _open_to_everybody(folder):
        raise UsageError(
            f"cannot keep the journal in {folder}: every user of this machine may write there",
            next=f"chmod o-w {folder}, or set `state:` in comporta.yml to a folder of your own",
        )


def _open_to_everybody(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False  # there is none yet; who makes it says what is wrong


def diagnose(folder: Path) -> list[Finding]:
    """Whether the folder can be written, and has room. Changes nothing."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    writable = os.access(existing, os.W_OK | os.X_OK)
    free = shutil.disk_usage(existing).free
    return [
        Finding(
            name="state",
            ok=writable,
            text=f"{folder} can{'' if writable else 'not'} be written",
            next="" if writable else f"make {existing} writable for you, or set `state:` in comporta.yml",
        ),
        Finding(
            name="disk",
            ok=free >= ENOUGH_BYTES,
            text=f"{free / 1024**3:.1f} GiB free",
            next="" if free >= ENOUGH_BYTES else f"free some space under {existing}",
        ),
    ]
