"""Processes of a proxy as the machine sees them, and ending them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress

import psutil

from comporta.drivers.local_host import started
from comporta.drivers.routers.waiting import until
from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

Stages = Sequence[tuple[signal.Signals, float]]
"""How a proxy is asked to end, from polite to not asking, and for how many seconds each."""


def title(process: psutil.Process) -> str:
    """The command line as one text; empty when the process has ended or may not be looked at."""
    try:
        return " ".join(process.cmdline()).strip("\0 ")
    except psutil.Error:
        return ""


def life_of(pid: int | None) -> str:
    """The life of a process that a pid alone does not tell from a later one; empty without a process."""
    try:
        return f"{pid}-{started(pid):.2f}" if pid else ""
    except psutil.NoSuchProcess:
        return ""


async def end(family: list[psutil.Process], stages: Stages, clock: Clock, *, name: str) -> None:
    """Raises RouterError if one of them does not end."""

    async def gone() -> bool:
        return not any(_alive(process) for process in family)

    for how, seconds in stages:
        for process in family:
            send(process, how)
        if await until(gone, clock, within=seconds):
            return
    raise RouterError(f"cannot stop {name}: {', '.join(str(p.pid) for p in family)} will not end")


def send(process: psutil.Process, how: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)  # psutil makes sure that the pid is still the same process


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
