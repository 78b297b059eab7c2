"""nginx's processes as the machine sees them, also those in a container: there they have other pids for themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from comporta.drivers.routers.processes import title

WORKER = "nginx: worker process"
"""The title of a worker that accepts connections; one on its way out has "is shutting down" after it."""


def accepting(pids: set[int] | None = None) -> set[int]:
    """The workers, of any nginx on this machine, that accept connections; of `pids` only, if given."""
    return {pid for pid in (psutil.pids() if pids is None else pids) if _accepts(pid)}


def master_of(own_pid: int, log: Path) -> int | None:
    """The master of the worker that calls itself `own_pid` and writes this log; None when it cannot be seen from here.

    In each container there may be a worker of that number: which one is ours its open files tell.
    """
    named_so = [pid for pid in accepting() if _own_pid(pid) == own_pid]
    logs = _files(log.parent.glob(f"{log.name}*"))
    known = {pid: _open_files(pid) for pid in named_so}
    ours = [pid for pid, files in known.items() if files and files & logs]
    unknown = [pid for pid, files in known.items() if files is None]
    found = ours or unknown  # another user's workers show their files to root alone
    return parent(found[0]) if len(found) == 1 else None


def parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None


def _accepts(pid: int) -> bool:
    try:
        return title(psutil.Process(pid)) == WORKER
    except psutil.Error:
        return False


def _own_pid(pid: int) -> int:
    """What the process itself takes for its pid: the last one of those that the kernel lists."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return pid
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)


def _open_files(pid: int) -> set[tuple[int, int]] | None:
    """None: this user may not look, or this system does not tell."""
    try:
        return _files(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None


def _files(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """By device and inode: a path means something else in another container."""
    found = set()
    for path in paths:
        try:
            about = os.stat(path)
        except FileNotFoundError:  # closed, or moved, at this moment
            continue
        found.add((about.st_dev, about.st_ino))
    return found
