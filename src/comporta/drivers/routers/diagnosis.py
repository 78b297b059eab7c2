"""What this machine has, or lacks, for a proxy. Changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from comporta.drivers.routers.commands import executable
from comporta.drivers.routers.external import parse_version
from comporta.drivers.routers.ports import require_free
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding


def program(name: str) -> Finding:
    """A proxy that comporta runs itself."""
    try:
        path = executable(name)
    except ComportaError as error:
        return Finding(name=name, ok=False, text=error.message, next=error.next)
    version = ".".join(map(str, parse_version([path, "-v"])))
    if not version:
        return Finding(name=name, ok=False, text=f"{path} does not tell its version", next=f"see why: `{path} -v`")
    return Finding(name=name, ok=True, text=f"{path}, version {version}")


def commands(name: str, test: Sequence[str], reload: Sequence[str]) -> Finding:
    """The commands for a proxy that is there already."""
    missing = [words[0] for words in (test, reload) if shutil.which(words[0]) is None]
    if missing:
        return Finding(
            name=name, ok=False, text=f"{missing[0]} is not installed", next="correct `external` in the config file"
        )
    return Finding(name=name, ok=True, text=f"reloaded with `{' '.join(reload)}`")


def port(listen: str, ours: set[int]) -> Finding:
    """The address to listen on. `ours`: the pids that may hold it."""
    try:
        require_free(listen, ours)
    except ComportaError as error:
        return Finding(name="router port", ok=False, text=error.message, next=error.next)
    return Finding(name="router port", ok=True, text=f"{listen} is free, or ours")


def writable(name: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    ok = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    text = f"{folder} can be written" if ok else f"cannot write {existing}"
    return Finding(name=name, ok=ok, text=text, next="" if ok else f"give this user write access to {existing}")
