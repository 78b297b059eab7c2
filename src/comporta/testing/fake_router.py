"""A router in memory, for simulations."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from comporta.model.errors import RouterError
from comporta.model.traffic import Routing, Slot, Topology, Traffic, TrafficCount, TrafficReading
from comporta.testing.faults import Faults, no_faults

Served = Callable[[], dict[Slot, TrafficCount]]
"""Everything that was answered so far, by slot: the scripted traffic."""


class FakeRouter:
    """Implements the Router port. `alive` tells whether the slot has an instance that answers."""

    def __init__(
        self,
        listen: str,
        *,
        alive: Callable[[Slot], bool] = lambda slot: True,
        served: Served = dict,
        faults: Faults = no_faults,
    ) -> None:
        self.faults = faults
        self.routing = Routing(running=False, topology=None, traffic=Traffic())
        self.reloads = 0
        self._listen = listen
        self._alive = alive
        self._served = served

    @property
    def address(self) -> str:
        return self._listen

    async def observe(self) -> Routing:
        return self.routing

    async def configure(self, topology: Topology) -> None:
        await self.faults("configure", "before")
        if not self.routing.running or self.routing.topology != topology:
            self.reloads += self.routing.running
            self.routing = msgspec.structs.replace(self.routing, running=True, topology=topology, tampered="")
        await self.faults("configure", "after")

    def reload_note(self, topology: Topology, current: Routing) -> str:
        changes = current.running and current.topology != topology
        return "the router is reloaded: idle keep-alive connections may be lost" if changes else ""

    async def remove(self) -> None:
        await self.faults("remove", "before")
        self.routing = Routing(running=False, topology=None, traffic=Traffic())
        await self.faults("remove", "after")

    async def shift(self, to: Traffic) -> None:
        await self.faults("shift", "before")
        if to.weights is not None and to.weights.whole is None:
            raise RouterError("cannot split traffic: this router knows whole slots only")
        if not self.routing.running:
            raise RouterError("cannot shift: the router does not run")
        self.routing = msgspec.structs.replace(self.routing, traffic=to)
        await self.faults("shift", "after")

    async def answering(self, path: str) -> int | None:
        traffic = self.routing.traffic
        live = traffic.live
        if not self.routing.running or live is None or not self._alive(live):
            return None
        release = traffic.release_in(live)
        return release.number if release else None

    async def in_flight(self, slot: Slot) -> int:
        return 0

    async def count(self, since: str | None) -> TrafficReading:
        if not self.routing.running:
            raise RouterError("cannot count: the router does not run")
        now = self._served()
        then = _parsed(since) if since else now
        counts = {slot: _minus(now.get(slot, TrafficCount()), then.get(slot, TrafficCount())) for slot in Slot}
        cursor = msgspec.json.encode({slot.value: count for slot, count in now.items()}).decode()
        return TrafficReading(cursor=cursor, blue=counts[Slot.BLUE], green=counts[Slot.GREEN])

    def tamper(self, traffic: Traffic) -> None:
        """Somebody changes the router behind comporta's back."""
        self.routing = msgspec.structs.replace(self.routing, traffic=traffic)


def _parsed(cursor: str) -> dict[Slot, TrafficCount]:
    return msgspec.json.decode(cursor, type=dict[Slot, TrafficCount])


def _minus(one: TrafficCount, other: TrafficCount) -> TrafficCount:
    return TrafficCount(
        requests=one.requests - other.requests,
        app_errors=one.app_errors - other.app_errors,
        proxy_errors=one.proxy_errors - other.proxy_errors,
        seconds=one.seconds - other.seconds,
    )
