"""nginx's processes as the machine sees them."""

from __future__ import annotations

import psutil

from comporta.drivers.routers.processes import title

WORKER = "nginx: worker process"
"""The title of a worker that accepts connections; one on its way out has "is shutting down" after it."""


def accepting(pids: set[int] | None = None) -> set[int]:
    """The workers, of any nginx on this machine, that accept connections; of `pids` only, if given."""
    return {pid for pid in (psutil.pids() if pids is None else pids) if _accepts(pid)}


def siblings(pid: int, among: set[int]) -> set[int] | None:
    """Those of `among` that have the same master as this worker; None when it is no worker that can be seen here."""
    if not _accepts(pid):
        return None
    master = _parent(pid)
    return {other for other in among if _parent(other) == master}


def _accepts(pid: int) -> bool:
    try:
        return title(psutil.Process(pid)) == WORKER
    except psutil.Error:
        return False


def _parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None
