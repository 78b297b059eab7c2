"""Ending all that runs in a slot, whoever started it and whatever became of supervisord."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import anyio
import psutil

from comporta.drivers.runtimes.process_members import is_alive, members
from comporta.drivers.runtimes.process_options import STOP_GRACE
from comporta.drivers.runtimes.process_seat import Seat
from comporta.drivers.runtimes.process_supervisor import Supervisor
from comporta.drivers.system_clock import SystemClock
from comporta.model.errors import RuntimeFailure
from comporta.ports.clock import Clock

LOOK_EVERY = 0.02
KILL_BOUND = 10.0
"""Seconds within which killed processes are gone, unless the kernel holds them."""


async def vacate(seat: Seat, clock: Clock) -> None:
    """SIGTERM, the occupant's grace time, SIGKILL; then the slot is free. The caller holds the lock.

    Raises:
        RuntimeFailure: a process does not end even so; it is named.
    """
    occupant, supervisor = seat.recorded(), Supervisor(seat)
    grace = occupant.artifact.launch["stop_grace"] if occupant else STOP_GRACE
    _ask_to_end(seat, supervisor)
    if not await _all_end(seat, supervisor, grace, clock):
        await _kill(seat, clock)
    seat.clear()


def _ask_to_end(seat: Seat, supervisor: Supervisor) -> None:
    """Each process gets SIGTERM once: a second one makes many servers drop what they are doing."""
    programs = supervisor.programs() or {}
    told = supervisor.shut_down()
    groups = {program.pid for program in programs.values()} if told else set()
    for process in members(seat):
        # supervisord tells the process groups that it started, and stays to write down what they say.
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) not in groups and not (told and _is_supervisord(process)):
                process.terminate()


def _is_supervisord(process: psutil.Process) -> bool:
    return "supervisor.supervisord" in process.cmdline()


async def _all_end(seat: Seat, supervisor: Supervisor, seconds: float, clock: Clock) -> bool:
    """Whether all have ended within the time, also those that were born meanwhile."""
    deadline = clock.monotonic() + seconds
    while living := members(seat):
        while any(is_alive(process) for process in living):
            if clock.monotonic() >= deadline:
                return False
            await clock.sleep(LOOK_EVERY)
            supervisor.wake()
    return True


async def _kill(seat: Seat, clock: Clock) -> None:
    deadline = clock.monotonic() + KILL_BOUND
    while living := members(seat):
        if clock.monotonic() >= deadline:
            pids = ", ".join(str(process.pid) for process in living)
            raise RuntimeFailure(f"cannot stop {seat.path.name}: process {pids} does not end, though it was killed")
        _each(living, psutil.Process.kill)
        await clock.sleep(LOOK_EVERY)


def _each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


async def vacate_if_expired(seat: Seat, clock: Clock) -> None:
    """What the reaper calls for. By now, somebody may have extended the time or put another occupant there."""
    async with seat.locked(clock):
        if seat.recorded() and seat.occupant(clock.now()) is None:
            await vacate(seat, clock)


if __name__ == "__main__":
    anyio.run(vacate_if_expired, Seat(Path(sys.argv[1])), SystemClock())
