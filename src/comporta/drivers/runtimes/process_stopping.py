"""Ending all that runs in a slot, whoever started it and whatever became of supervisord."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
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
    occupant = seat.recorded()
    grace = occupant.artifact.launch["stop_grace"] if occupant else STOP_GRACE
    known = set(members(seat))
    try:
        wake = _ask_to_end(Supervisor(seat), known)
        if not await _all_end(seat, known, grace, clock, wake):
            await _kill(seat, known, clock)
    except (psutil.AccessDenied, PermissionError) as error:
        raise RuntimeFailure(
            f"cannot stop {seat.path.name}: what runs there belongs to another user ({error})",
            next="run the command as the user who deployed",
        ) from error
    seat.clear()


def _ask_to_end(supervisor: Supervisor, known: set[psutil.Process]) -> Callable[[], None]:
    """Send SIGTERM to each process once: a second one makes many servers drop what they are doing.

    Returns:
        what makes supervisord see that its processes have ended.
    """
    programs = supervisor.programs()
    told = programs is not None and supervisor.shut_down()
    # supervisord tells the process groups that it started, and stays to write down what they say.
    groups = {program.pid for program in programs.values()} if programs and told else set()
    for process in known:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) not in groups and not (told and _is_supervisord(process)):
                process.terminate()
    return supervisor.wake if told else lambda: None


def _is_supervisord(process: psutil.Process) -> bool:
    return "supervisor.supervisord" in process.cmdline()


def _living(seat: Seat, known: set[psutil.Process]) -> set[psutil.Process]:
    """What still runs. Those known before count also when nothing tells any more whose they are."""
    known.update(members(seat))
    return {process for process in known if is_alive(process)}


async def _all_end(
    seat: Seat, known: set[psutil.Process], seconds: float, clock: Clock, wake: Callable[[], None]
) -> bool:
    """Whether all have ended within the time, also those that were born meanwhile."""
    deadline = clock.monotonic() + seconds
    while living := _living(seat, known):
        while any(is_alive(process) for process in living):
            if clock.monotonic() >= deadline:
                return False
            await clock.sleep(LOOK_EVERY)
            wake()
    return True


async def _kill(seat: Seat, known: set[psutil.Process], clock: Clock) -> None:
    deadline = clock.monotonic() + KILL_BOUND
    while living := _living(seat, known):
        if clock.monotonic() >= deadline:
            pids = ", ".join(str(process.pid) for process in living)
            raise RuntimeFailure(f"cannot stop {seat.path.name}: process {pids} does not end, though it was killed")
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await clock.sleep(LOOK_EVERY)


async def vacate_if_expired(seat: Seat, clock: Clock) -> None:
    """What the reaper calls for. By now, somebody may have extended the time or put another occupant there."""
    async with seat.locked(clock):
        if seat.recorded() and seat.occupant(clock.now()) is None:
            await vacate(seat, clock)


if __name__ == "__main__":
    anyio.run(vacate_if_expired, Seat(Path(sys.argv[1])), SystemClock())
