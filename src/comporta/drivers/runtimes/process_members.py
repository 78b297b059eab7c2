"""The processes of a slot, also those that nobody looks after any more.

A process belongs to a slot if its environment carries the slot's marker, if it was launched there (some programs
overwrite their environment), or if it descends from such a process and carries no other marker.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil

from comporta.drivers.runtimes.process_seat import Launched, Seat

MARKER = "COMPORTA_SEAT"
"""The variable that holds the slot's folder; empty: of no slot, whatever started it."""
INSTANCE = "COMPORTA_INSTANCE"
"""The variable that tells an instance its index."""
START_TOLERANCE = 5.0
"""Seconds between the start of a process and what its launcher noted, at most; its id may belong to another by now."""


def members(seat: Seat, indices: Collection[int] | None = None) -> list[psutil.Process]:
    """All living processes of the slot, or only those of some instances, but never ourselves."""
    launched = {launch.pid: launch for i, launch in seat.launched().items() if indices is None or i in indices}
    others = [process for process in psutil.process_iter() if process.pid != os.getpid()]
    found = {p.pid for p in others if _is_marked(p, seat, indices) or _is_launched(p, launched)}
    if found:
        found |= _descendants(found, others)
    return [process for process in others if process.pid in found and is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def lives(launch: Launched) -> bool:
    """Whether what was launched still runs, and its process id has not passed to another process."""
    try:
        process = psutil.Process(launch.pid)
        return abs(process.create_time() - launch.at) < START_TOLERANCE and is_alive(process)
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, seat: Seat, indices: Collection[int] | None) -> bool:
    environment = _environment(process)
    is_one_of_them = indices is None or environment.get(INSTANCE) in {str(index) for index in indices}
    return environment.get(MARKER) == seat.marker and is_one_of_them


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        # It has ended, or belongs to another user: not ours.
        return {}


def _is_launched(process: psutil.Process, launched: dict[int, Launched]) -> bool:
    launch = launched.get(process.pid)
    return launch is not None and lives(launch)


def _descendants(found: set[int], others: Iterable[psutil.Process]) -> set[int]:
    children: dict[int, list[psutil.Process]] = {}
    for process in others:
        with suppress(psutil.NoSuchProcess):
            children.setdefault(process.ppid(), []).append(process)
    below, waiting = set[int](), list(found)
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child.pid not in found | below and MARKER not in _environment(child):
                below.add(child.pid)
                waiting.append(child.pid)
    return below
