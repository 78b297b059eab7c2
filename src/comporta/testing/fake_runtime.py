"""A runtime in memory, for simulations: instances are entries in a table, time is the clock's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from comporta.model.errors import ArtifactMissing
from comporta.model.release import (
    Artifact,
    InstanceState,
    InstanceStatus,
    Leftover,
    LogLine,
    Occupant,
    SlotState,
)
from comporta.model.spec import PortRange
from comporta.model.traffic import Slot
from comporta.ports.clock import Clock
from comporta.testing.faults import Faults, no_faults


@dataclass
class Seat:
    """What sits in a slot. By index of the instance: the process id of those that run, and restarts."""

    occupant: Occupant
    running: dict[int, int] = field(default_factory=dict)
    restarts: dict[int, int] = field(default_factory=dict)


class FakeRuntime:
    """Implements the Runtime port.

    Args:
        versions: the artifacts there are: version → identity. Tests take entries away, or change them.
        ending: told of each instance that is about to be stopped on purpose.

    Attributes:
        ours: its artifacts count as made by comporta.
    """

    def __init__(
        self,
        clock: Clock,
        ports: Mapping[Slot, PortRange],
        versions: dict[str, str],
        faults: Faults = no_faults,
        ending: Callable[[Slot, int], None] = lambda slot, index: None,
    ) -> None:
        self.versions = versions
        self.faults = faults
        self.keep = 10
        self.ours = False
        self._clock = clock
        self._ending = ending
        self._ports = ports
        self._seats: dict[Slot, Seat] = {}
        self._written: dict[Slot, list[LogLine]] = {}
        self._pids = itertools.count(1000)
        self._before: dict[Slot, list[LogLine]] = {}

    async def resolve(self, version: str) -> Artifact:
        if version not in self.versions:
            raise ArtifactMissing(f"cannot find {version}", next=f"there are: {', '.join(self.versions)}")
        return Artifact(runtime="fake", version=version, identity=self.versions[version], launch={"version": version})

    async def verify(self, artifact: Artifact) -> None:
        if self.versions.get(artifact.version) != artifact.identity:
            raise ArtifactMissing(f"cannot use {artifact.version}: it is gone or has changed")

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        return tuple(f"127.0.0.1:{port}" for port in self._ports[slot].take(instances))

    async def start(self, slot: Slot, occupant: Occupant, *, deployment: int | None = None) -> None:
        await self.faults("start", "before")
        occupant = msgspec.structs.replace(occupant, warm_until=None, failed=False)
        seat = self._seat(slot)
        if seat is None or (seat.occupant.release, seat.occupant.artifact) != (occupant.release, occupant.artifact):
            if seat is not None:
                await self._end(slot, seat, list(seat.running))
            seat = self._seats[slot] = Seat(occupant)
            self._before[slot], self._written[slot] = self._written.get(slot, []), []
        await self._end(slot, seat, [index for index in seat.running if index > occupant.instances])
        seat.occupant = occupant
        for index in range(1, occupant.instances + 1):
            # One at a time: a crash here leaves some of them.
            await self.faults("start-instance", "before")
            if index not in seat.running:
                seat.running[index] = next(self._pids)
                self._written[slot].append(LogLine(index=index, text=f"{occupant.release.version} started"))
        await self.faults("start", "after")

    async def observe(self, slot: Slot) -> SlotState:
        seat = self._seat(slot)
        if seat is None:
            return SlotState(slot=slot)
        statuses = [self._status(slot, seat, index) for index in range(1, seat.occupant.instances + 1)]
        return SlotState(slot=slot, occupant=seat.occupant, instances=tuple(statuses))

    async def stop(self, slot: Slot) -> None:
        await self.faults("stop", "before")
        if seat := self._seat(slot):
            await self._end(slot, seat, list(seat.running))
        self._seats.pop(slot, None)
        await self.faults("stop", "after")

    async def _end(self, slot: Slot, seat: Seat, indices: Collection[int]) -> None:
        for index in sorted(indices, reverse=True):
            # One at a time: a crash here leaves some of them.
            await self.faults("stop-instance", "before")
            self._ending(slot, index)
            seat.running.pop(index, None)
            seat.restarts.pop(index, None)

    async def expire(self, slot: Slot, at: float | None, *, failed: bool = False) -> None:
        await self.faults("expire", "before")
        if seat := self._seat(slot):
            seat.occupant = msgspec.structs.replace(seat.occupant, warm_until=at, failed=failed)
        await self.faults("expire", "after")

    async def logs(
        self, slot: Slot, *, lines: int, follow: bool = False, index: int | None = None, previous: bool = False
    ) -> AsyncIterator[LogLine]:
        written = (self._before if previous else self._written).get(slot, [])
        for i in sorted({line.index for line in written}):
            if index in (None, i) and lines:
                for line in [line for line in written if line.index == i][-lines:]:
                    yield line

    async def leftovers(
        self, known: Collection[Artifact], needed: Collection[Artifact], *, ours: bool = False
    ) -> tuple[Leftover, ...]:
        if ours and not self.ours:
            return ()
        kept = {artifact.version for artifact in needed}
        there = [one for one in known if self.versions.get(one.version) == one.identity and one.version not in kept]
        return tuple(
            Leftover(kind="artifact", version=version, parts=(version,), bytes=1000, ours=self.ours)
            for version in dict.fromkeys(artifact.version for artifact in there)
        )

    async def discard(self, leftover: Leftover) -> None:
        await self.faults("discard", "before")
        self.versions.pop(leftover.version, None)
        await self.faults("discard", "after")

    def kill(self, slot: Slot, index: int) -> None:
        """An instance dies and is not restarted."""
        if seat := self._seat(slot):
            seat.running.pop(index, None)

    def crash(self, slot: Slot, index: int) -> None:
        """An instance dies and is restarted at once."""
        if seat := self._seat(slot):
            seat.restarts[index] = seat.restarts.get(index, 0) + 1
            seat.running[index] = next(self._pids)

    def _seat(self, slot: Slot) -> Seat | None:
        seat = self._seats.get(slot)
        if seat and seat.occupant.warm_until is not None and seat.occupant.warm_until <= self._clock.now():
            del self._seats[slot]
            return None
        return seat

    def _status(self, slot: Slot, seat: Seat, index: int) -> InstanceStatus:
        return InstanceStatus(
            slot=slot,
            index=index,
            address=self.addresses(slot, index)[-1],
            state=InstanceState.RUNNING if index in seat.running else InstanceState.STOPPED,
            pid=seat.running.get(index),
            restarts=seat.restarts.get(index, 0),
        )
