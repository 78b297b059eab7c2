"""The folder in which comporta keeps its journal and what its drivers need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from comporta.model.findings import Finding

ENOUGH_BYTES = 200 * 1024 * 1024


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
