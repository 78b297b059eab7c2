"""The folder of one slot: who sits there, what was written there, and the lock that guards it.

The record is written before anything runs and removed after everything has ended: no record means nothing runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from comporta.model.errors import RuntimeFailure
from comporta.model.release import Occupant
from comporta.ports.clock import Clock

LOCK_EVERY = 0.05


class Seat:
    """One slot's folder. Only its owner may enter it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._record = self.path / "occupant.json"

    @asynccontextmanager
    async def locked(self, clock: Clock) -> AsyncIterator[None]:
        """One at a time: comporta under its lease, and the reaper that comes when the time is over."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            while not try_lock(descriptor):
                await clock.sleep(LOCK_EVERY)
            yield
        finally:
            os.close(descriptor)

    def occupant(self, now: float) -> Occupant | None:
        """Who sits here. An occupant whose time is over sits here no more, though it may still be about to end."""
        occupant = self.recorded()
        if occupant and occupant.warm_until is not None and occupant.warm_until <= now:
            return None
        return occupant

    def recorded(self) -> Occupant | None:
        """Who was started here and has not been stopped since."""
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=Occupant)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise RuntimeFailure(
                f"cannot tell who sits in {self.path.name}: {self._record} belongs to another user",
                next="run the command as the user who deployed",
            ) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise RuntimeFailure(
                f"cannot tell who sits in {self.path.name}: {self._record}: {error}",
                next="remove that file: the slot counts as empty then, and what runs in it ends with the next start",
            ) from error

    def record(self, occupant: Occupant) -> None:
        """Durable and whole when it returns: after a crash there is the old record or the new one.

        Raises:
            RuntimeFailure: such as on a full disk.
        """
        new = self._record.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(occupant))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._record)
            self._sync()
        except OSError as error:
            raise RuntimeFailure(
                f"cannot note who sits in {self.path.name}: {new}: {error.strerror}",
                next="give the disk space, or this user the folder",
            ) from error

    def clear(self) -> None:
        """Nobody sits here any more. Logs stay."""
        self._record.unlink(missing_ok=True)
        self._sync()

    def put_logs_aside(self) -> None:
        """A new occupant begins its own; those of the one before are kept, so that a failure can be looked into."""
        self._previous.mkdir(exist_ok=True)
        for path in self._previous.iterdir():
            path.unlink()
        for path in self.path.glob("*.log*"):
            path.rename(self._previous / path.name)

    def log(self, index: int, *, previous: bool = False) -> Path:
        return (self._previous if previous else self.path) / f"instance-{index}.log"

    def logged(self, *, previous: bool = False) -> list[int]:
        """The indices of the instances that have a log."""
        folder = self._previous if previous else self.path
        return sorted(int(path.stem.removeprefix("instance-")) for path in folder.glob("instance-*.log"))

    @property
    def _previous(self) -> Path:
        return self.path / "previous"

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take a lock on an open file, which ends with its last descriptor; false if somebody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
