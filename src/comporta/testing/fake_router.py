"""A router in memory, for simulations."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import msgspec

from comporta.model.errors import RouterError
from comporta.model.figures import Figures, Reading
from comporta.model.traffic import Routing, Slot, Topology, Traffic, Weights
from comporta.testing.faults import Faults, no_faults

Served = Callable[[], list[Figures]]
"""Everything that was answered so far, oldest first: the scripted traffic."""


class FakeRouter:
    """Implements the Router port. `alive` tells whether the slot has an instance that answers, `in_flight` how
    many requests a slot has still to answer in its instances beyond a number."""

    def __init__(
        self,
        listen: str,
        *,
        alive: Callable[[Slot], bool] = lambda slot: True,
        served: Served = list,
        in_flight: Callable[[Slot, int], int] = lambda slot, beyond: 0,
        faults: Faults = no_faults,
    ) -> None:
        self.faults = faults
        self.routing = Routing(running=False, topology=None, traffic=Traffic())
        self.reloads = self.lives = 0
        self.page: str | None = None
        self._listen = listen
        self._alive = alive
        self._served = served
        self._in_flight = in_flight

    @property
    def address(self) -> str:
        return self._listen

    async def observe(self) -> Routing:
        return self.routing

    async def configure(self, topology: Topology) -> None:
        await self.faults("configure", "before")
        if not self.routing.running or self.routing.topology != topology:
            self.reloads += self.routing.running
            self.lives += not self.routing.running
            self.routing = msgspec.structs.replace(self.routing, running=True, topology=topology, tampered="")
        await self.faults("configure", "after")

    def reload_note(self, topology: Topology, current: Routing) -> str:
        changes = current.running and current.topology != topology
        return "the router is reloaded: idle keep-alive connections may be lost" if changes else ""

    async def remove(self) -> None:
        await self.faults("remove", "before")
        self.routing = Routing(running=False, topology=None, traffic=Traffic())
        self.page = None
        await self.faults("remove", "after")

    async def shift(self, to: Traffic) -> None:
        await self.faults("shift", "before")
        topology = self.routing.topology
        if not self.routing.running or topology is None:
            raise RouterError("cannot shift: the router does not run")
        if to.split and not topology.has_stage(to.split):
            raise RouterError(f"cannot split traffic: the stages are {list(topology.stages)}")
        if not topology.has_instances(to):
            raise RouterError("cannot shift: a slot has not so many instances")
        self.routing = msgspec.structs.replace(self.routing, traffic=to)
        await self.faults("shift", "after")

    async def maintain(self, page: str | None) -> None:
        await self.faults("maintain", "before")
        if not self.routing.running:
            raise RouterError("cannot put the maintenance page up or take it down: the router does not run")
        self.page = page
        self.routing = msgspec.structs.replace(self.routing, maintenance=page is not None)
        await self.faults("maintain", "after")

    @property
    def own_headers(self) -> dict[str, str]:
        return {"X-Comporta-Probe": "ours"} if self.routing.topology else {}

    @property
    def bypass_headers(self) -> dict[str, str]:
        return {"X-Comporta-Bypass": "theirs"} if self.routing.topology else {}

    async def answering(self, path: str, slot: Slot | None = None) -> int | None:
        weights = self.routing.traffic.weights
        return self.reaches("", slot or max(Slot, key=weights.of)) if weights else None

    def answers(self, client: str, wanted: str = "") -> int | None:
        """The number of the release that answers a client; `wanted` is the slot that it names in the header."""
        return None if self.routing.maintenance else self.reaches(client, wanted)

    def reaches(self, client: str, wanted: str = "") -> int | None:
        """The same for who sees through maintenance."""
        traffic = self.routing.traffic
        if not self.routing.running or traffic.weights is None:
            return None
        asked = traffic.live or (Slot(wanted) if wanted in list(Slot) else _drawn(client, traffic.weights))
        release = traffic.release_in(asked)
        return release.number if release and self._alive(asked) else None

    async def in_flight(self, slot: Slot, beyond: int = 0) -> int:
        return self._in_flight(slot, beyond)

    async def count(self, since: str | None) -> Reading:
        if not self.routing.running:
            raise RouterError("cannot count: the router does not run")
        served = self._served()
        return Reading(cursor=str(len(served)), figures=tuple(served[int(since) :]) if since else ())

    async def life(self) -> str | None:
        return f"life {self.lives}" if self.routing.running else ""

    async def recent(self, seconds: float) -> Reading:
        reading = await self.count("0")
        newest = max((f.at for f in reading.figures), default=0)
        figures = tuple(f for f in reading.figures if f.at > newest - seconds)
        return Reading(cursor=reading.cursor, figures=figures)

    def die(self) -> None:
        """The proxy is killed."""
        self.routing = msgspec.structs.replace(self.routing, running=False)

    def tamper(self, traffic: Traffic) -> None:
        """Somebody changes the router behind comporta's back."""
        self.routing = msgspec.structs.replace(self.routing, traffic=traffic)


def _drawn(client: str, weights: Weights) -> Slot:
    """Green's share lies at one end of all hashes and blue's at the other, so that a growing one keeps its clients."""
    return Slot.GREEN if zlib.crc32(client.encode()) % 10_000 < 100 * weights.green else Slot.BLUE
