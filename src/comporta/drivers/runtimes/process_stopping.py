"""Ending what runs in a slot, whoever started it and whatever became of supervisord."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import psutil

from comporta.drivers.runtimes.process_members import is_alive, members
from comporta.drivers.runtimes.process_options import STOP_GRACE
from comporta.drivers.runtimes.process_seat import Seat
from comporta.drivers.runtimes.process_supervisor import STOPPING, Supervisor
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
    try:
        await _end_all(seat, clock)
    except (psutil.AccessDenied, PermissionError) as error:
        raise RuntimeFailure(
            f"cannot stop {seat.path.name}: what runs there belongs to another user ({error})",
            next="run the command as the user who deployed",
        ) from error
    seat.clear()


async def _end_all(seat: Seat, clock: Clock) -> None:
    supervisor = Supervisor(seat)
    ending = Ending(seat.path.name, partial(members, seat), clock)
    programs = supervisor.programs()
    told = programs is not None and supervisor.shut_down()
    # supervisord tells the process groups that it started, and stays to write down what they say.
    groups = {program.pid for program in programs.values()} if programs and told else set()
    ending.terminate(lambda process: os.getpgid(process.pid) in groups or (told and _is_supervisord(process)))
    await ending.finish(_grace(seat), supervisor.wake if told else lambda: None)


async def retire(seat: Seat, indices: Collection[int], clock: Clock) -> None:
    """The same for single instances, which supervisord was told to stop: it stays, to look after the others.

    Raises:
        RuntimeFailure: a process of theirs does not end even so; it is named.
    """
    supervisor = Supervisor(seat)
    ending = Ending(seat.path.name, partial(members, seat, indices), clock)
    groups = {program.pid for program in (supervisor.programs() or {}).values() if program.state == STOPPING}
    ending.terminate(lambda process: os.getpgid(process.pid) in groups)
    await ending.finish(_grace(seat), supervisor.wake)
    deadline = clock.monotonic() + KILL_BOUND
    while supervisor.is_stopping(indices) and clock.monotonic() < deadline:
        await clock.sleep(LOOK_EVERY)
    for index in indices:
        seat.forget_launches(index)


class Ending:
    """Processes that are to end, also those that are born meanwhile.

    Args:
        name: of the slot, for people.
        find: those there are. One that was found once counts also when nothing tells any more whose it is.
    """

    def __init__(self, name: str, find: Callable[[], Collection[psutil.Process]], clock: Clock) -> None:
        self._name = name
        self._find = find
        self._clock = clock
        self._known = set(find())

    def terminate(self, is_told: Callable[[psutil.Process], bool]) -> None:
        """Send SIGTERM to each process once: a second one makes many servers drop what they are doing."""
        for process in self._known:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if not is_told(process):
                    process.terminate()

    async def finish(self, grace: float, wake: Callable[[], None]) -> None:
        """Wait for their end, and kill what still runs after the grace time (seconds).

        Args:
            wake: makes supervisord see that its processes have ended.
        """
        if not await self._all_end(grace, wake):
            await self._kill()

    def _living(self) -> set[psutil.Process]:
        self._known.update(self._find())
        return {process for process in self._known if is_alive(process)}

    async def _all_end(self, seconds: float, wake: Callable[[], None]) -> bool:
        deadline = self._clock.monotonic() + seconds
        while living := self._living():
            while any(is_alive(process) for process in living):
                if self._clock.monotonic() >= deadline:
                    return False
                await self._clock.sleep(LOOK_EVERY)
                wake()
        return True

    async def _kill(self) -> None:
        deadline = self._clock.monotonic() + KILL_BOUND
        while living := self._living():
            if self._clock.monotonic() >= deadline:
                pids = ", ".join(str(process.pid) for process in living)
                raise RuntimeFailure(f"cannot stop {self._name}: process {pids} does not end, though it was killed")
            for process in living:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            await self._clock.sleep(LOOK_EVERY)


def _grace(seat: Seat) -> float:
    occupant = seat.recorded()
    return float(occupant.artifact.launch["stop_grace"]) if occupant else STOP_GRACE


def _is_supervisord(process: psutil.Process) -> bool:
    return "supervisor.supervisord" in process.cmdline()


async def vacate_if_expired(seat: Seat, clock: Clock) -> None:
    """What the reaper calls for. By now, somebody may have extended the time or put another occupant there."""
    async with seat.locked(clock):
        if seat.recorded() and seat.occupant(clock.now()) is None:
            await vacate(seat, clock)


if __name__ == "__main__":
    anyio.run(vacate_if_expired, Seat(Path(sys.argv[1])), SystemClock())
