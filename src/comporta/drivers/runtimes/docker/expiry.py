"""A warm slot stops by itself when its time is over: a reaper of its own looks after that, without any comporta.

The reaper lives while the record of the slot tells a time, and holds a lock as long. The engine brings containers back
after a reboot, but no reaper: whoever looks at such a slot starts another one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec

import comporta
from comporta.drivers.runtimes.docker.containers import Crew
from comporta.drivers.runtimes.docker.fleet import Fleet, Host
from comporta.drivers.runtimes.seat import Seat, try_lock
from comporta.drivers.system_clock import SystemClock
from comporta.model.errors import ComportaError
from comporta.ports.clock import Clock

LOOK_EVERY = 1.0
RETRY_EVERY = 5.0
"""Seconds until engines that did not answer are asked again."""

_PROGRAM = Path(__file__).with_name("reaper.py")


class Assignment(msgspec.Struct):
    """What a reaper is told: it reads no config. The folder of the slot, its hosts, and the labels it goes by."""

    seat: str
    hosts: tuple[Host, ...]
    key: dict[str, str]


def ensure_reaper(seat: Seat, fleet: Fleet, key: dict[str, str]) -> None:
    """Start one, unless the slot has one already."""
    descriptor = os.open(seat.path / "reaper.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if try_lock(descriptor):
            told = msgspec.json.encode(Assignment(str(seat.path), fleet.hosts, key)).decode()
            # The lock is passed on with the descriptor: there is no moment without a holder.
            subprocess.run(
                [sys.executable, "-P", str(_PROGRAM), str(descriptor), told],
                env={**os.environ, "PYTHONPATH": str(Path(comporta.__file__).parent.parent)},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
                check=True,
            )
    finally:
        os.close(descriptor)


def reap(descriptor: int, told: str) -> None:
    """The life of a reaper."""
    assigned = msgspec.json.decode(told, type=Assignment)
    anyio.run(_watch, descriptor, Seat(Path(assigned.seat)), Fleet(assigned.hosts), assigned.key, SystemClock())


async def _watch(descriptor: int, seat: Seat, fleet: Fleet, key: dict[str, str], clock: Clock) -> None:
    while True:
        async with seat.locked(clock):
            occupant = seat.recorded()
            if occupant is None or occupant.warm_until is None:
                # Under the seat's lock: who notes a time after this sees that there is no reaper.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                return
            over = occupant.warm_until <= clock.now()
            vacated = over and await _vacate(seat, fleet, key)
        if not vacated:
            await clock.sleep(RETRY_EVERY if over else LOOK_EVERY)


async def _vacate(seat: Seat, fleet: Fleet, key: dict[str, str]) -> bool:
    try:
        async with fleet.session() as reached:
            await Crew(reached, key, seat).vacate()
    except ComportaError:
        return False
    return True
