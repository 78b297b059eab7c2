"""The HAProxy router. Traffic and the instances in use are changed at run time, over its master's socket."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec

from comporta.drivers.routers.asking import accepts
from comporta.drivers.routers.counting import RequestLog
from comporta.drivers.routers.front import Front
from comporta.drivers.routers.haproxy_control import Control, Workers
from comporta.drivers.routers.haproxy_diagnosis import diagnose
from comporta.drivers.routers.haproxy_file import (
    backend,
    file_name,
    frontend,
    pools,
    render,
    require_first_seats,
    server_name,
    servers,
)
from comporta.drivers.routers.haproxy_home import Home
from comporta.drivers.routers.haproxy_log import request_log, trim
from comporta.drivers.routers.haproxy_lookup import Lookup
from comporta.drivers.routers.haproxy_maintenance import ON, PageMap
from comporta.drivers.routers.haproxy_maintenance import encode as encode_page
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.routers.haproxy_process import Managed, master
from comporta.drivers.routers.haproxy_proof import Proof
from comporta.drivers.routers.haproxy_server import External, Server
from comporta.drivers.routers.haproxy_switch import CLOSED, TrafficMap, decode, encode
from comporta.drivers.routers.home import File, Record
from comporta.drivers.routers.maintenance import doing, not_known_yet
from comporta.drivers.routers.pools import require_instances
from comporta.drivers.routers.processes import life_of
from comporta.drivers.routers.waiting import until
from comporta.model.errors import RouterError
from comporta.model.figures import Reading
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Routing, Slot, Topology, Traffic
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.router import Router
from comporta.ports.secrets import Secrets

FORGOTTEN_WITHIN = 10.0


class HaproxyRouter(Front[Home]):
    """Implements the Router port, with an HAProxy of our own or one that is there already."""

    def __init__(self, spec: EnvironmentSpec, options: HaproxyOptions, clock: Clock) -> None:
        super().__init__(spec, Home.of(spec))
        self._options = options
        self._clock = clock
        self._map = TrafficMap(self._home.traffic)
        self._server: Server = (
            External(options.external, base=Path(spec.base), file_name=file_name(spec))
            if options.external
            else Managed(self._home, clock)
        )
        self._control = Control(self._server.socket, self._server.may_run, clock)
        self._switch = Lookup(self._map, self._control)
        self._page = Lookup(PageMap(self._home.maintenance), self._control)

    # What it does now

    async def observe(self) -> Routing:
        record = self._home.load()
        proven = record.proven if record else None
        workers = await self._running(record)
        traffic, wrong = await self._traffic(workers)
        if workers and not wrong:
            wrong = await self._displaced(record, workers)
        return Routing(
            running=workers is not None,
            topology=proven.topology if proven else None,
            traffic=traffic,
            tampered=self._home.tampered(self._server.file, record) or (wrong if proven else ""),
            maintenance=(await self._page.value(workers)).startswith(ON),
        )

    async def _running(self, record: Record | None) -> Workers | None:
        """HAProxy's workers, if they serve what was proven: our own ones do; of others one has to ask."""
        if record is None or record.proven is None:
            return None
        workers = await self._control.workers()
        if self._options.external and await self._generation(record.proven, record) != record.proven.generation:
            return None
        return workers

    async def _traffic(self, workers: Workers | None) -> tuple[Traffic, str]:
        """What HAProxy looks up, or would when it starts; and what is wrong with it (empty: nothing)."""
        traffic, wrong = self._map.read()
        if workers is None:
            return traffic, wrong
        value = await self._switch.value(workers)
        seen = decode(value)
        if seen is None:
            return CLOSED, f"what HAProxy has for {self._map.path} is not as comporta set it"
        if not wrong and value not in self._map.values():
            wrong = f"HAProxy has something else than {self._map.path} says"
        return seen, wrong

    async def _displaced(self, record: Record | None, workers: Workers) -> str:
        if record is None or record.proven is None or record.pending is not None:
            return ""
        for slot in Slot:
            name = backend(self._spec, slot)
            if await self._control.servers(workers.current, name) != servers(self._spec, record.proven.topology, slot):
                return f"HAProxy's servers of {name} are not as comporta set them"
        return ""

    # The topology

    async def configure(self, topology: Topology) -> None:
        require_instances("take away instances that get requests", self._map.read()[0], topology)
        record = self._home.load() or Record(token=secrets.token_hex(16))
        self._home.prepare()
        file = self._rendered(topology, record)
        if await self._in_force(file, record):
            return
        self._server.require_listenable(topology.listen)
        record = msgspec.structs.replace(record, pending=file)
        self._home.save(record)
        workers = await self._control.workers()
        for looked_up in (self._switch, self._page):
            await looked_up.keep(workers)
        await self._put_in_force(file, record)
        self._home.save(Record(token=record.token, proven=file))

    def _rendered(self, topology: Topology, record: Record) -> File:
        return render(self._spec, self._options, self._home, topology, token=record.token, bypass=record.bypass)

    async def _in_force(self, file: File, record: Record) -> bool:
        if record.proven != file or record.pending is not None:
            return False
        routing = await self.observe()
        return routing.running and not routing.tampered

    async def _put_in_force(self, file: File, record: Record) -> None:
        try:
            await self._server.install(file.text)
            if not await self._needs_no_reload(file, record):
                await self._reload(file, record)
            await self._use_servers(file.topology)
        except RouterError:
            await self._go_back(record)
            raise

    async def _needs_no_reload(self, file: File, record: Record) -> bool:
        """HAProxy runs with all of the file but perhaps other servers in use."""
        workers = await self._control.workers()
        if workers is None or await self._generation(file, record) != file.generation:
            return False
        _, wrong = await self._traffic(workers)
        return not wrong

    async def _reload(self, file: File, record: Record) -> None:
        before = await self._control.workers()
        await self._server.apply()
        await Proof(self._server, self._control, self._clock, file, record.token, before=before).wait()

    async def _use_servers(self, topology: Topology) -> None:
        """In the current worker: HAProxy lets nobody change the servers of one from before a reload."""
        workers = await self._control.workers()
        for slot in Slot:
            name = backend(self._spec, slot)
            wanted = servers(self._spec, topology, slot)
            if workers and not await self._control.use(workers.current, name, wanted):
                raise RouterError(f"cannot make HAProxy use {', '.join(topology.addresses(slot))} in {name}")

    async def _go_back(self, record: Record) -> None:
        """What served before stays, also for whoever reloads HAProxy next."""
        record = msgspec.structs.replace(record, pending=None)
        with suppress(RouterError):  # the first error is the one to tell
            if record.proven is None:
                await self._server.withdraw()
            elif self._home.tampered(self._server.file, record):
                await self._server.install(record.proven.text)
                await self._reload(record.proven, record)
        self._home.save(record)

    def reload_note(self, topology: Topology, current: Routing) -> str:
        return ""  # a reload leaves idle connections open, so that no request is lost on the wire

    async def remove(self) -> None:
        record = self._home.load()
        await self._server.withdraw()
        file = (record.proven or record.pending) if record else None
        if record and file:

            async def forgotten() -> bool:
                return await self._generation(file, record) is None

            if not await until(forgotten, self._clock, within=FORGOTTEN_WITHIN):
                raise RouterError(f"cannot remove the router: HAProxy still serves {self._server.file}")
        self._home.clear()

    # The traffic

    async def shift(self, to: Traffic) -> None:
        record = self._home.load()
        workers = await self._running(record)
        if record is None or record.proven is None or workers is None:
            raise RouterError("cannot shift: HAProxy does not run", next="`comporta deploy` starts it again")
        require_instances("shift", to, record.proven.topology)
        require_first_seats(self._spec, record.proven.topology, to)
        await self._look_who_is_there(record.proven.topology, to, workers)
        try:
            refusal = await self._switch.set(workers, encode(to))
        except OSError as error:
            raise RouterError(f"cannot shift: {self._map.path}: {error.strerror}") from None
        if refusal:
            raise RouterError("cannot shift: HAProxy refuses", details=[refusal])
        traffic, wrong = await self._traffic(workers)
        if traffic != to:
            raise RouterError(f"cannot shift: {wrong or f'{self._map.path} was changed at the same moment'}")

    async def _look_who_is_there(self, topology: Topology, to: Traffic, workers: Workers) -> None:
        """Instances may have come or gone so lately that HAProxy's own checks do not know it yet."""
        for slot in (slot for slot in Slot if to.weights and to.weights.of(slot)):
            there = {server_name(address): await accepts(address) for address in topology.addresses(slot)}
            await self._control.know(workers.current, backend(self._spec, slot), there)

    async def maintain(self, page: str | None) -> None:
        value = encode_page(page)
        record = self._home.load()
        workers = await self._running(record)
        if workers is None or record is None or record.proven is None:
            raise RouterError(f"cannot {doing(page)}: HAProxy does not run", next="`comporta deploy` starts it again")
        if str(self._page.file.path) not in record.proven.text:
            raise not_known_yet(page, self._server.file)
        try:
            refusal = await self._page.set(workers, value)
        except OSError as error:
            raise RouterError(f"cannot {doing(page)}: {self._page.file.path}: {error.strerror}") from None
        if refusal:
            raise RouterError(f"cannot {doing(page)}: HAProxy refuses", details=[refusal])
        if await self._page.value(workers) != value:
            raise RouterError(f"cannot {doing(page)}: {self._page.file.path} was changed at the same moment")

    async def in_flight(self, slot: Slot, beyond: int = 0) -> int:
        workers = await self._control.workers()
        record = self._home.load()
        leaving = None
        if beyond and record and record.proven:
            leaving = [*servers(self._spec, record.proven.topology, slot)][beyond:]
        ours = pools(self._spec, slot)
        return sum(
            [await self._control.in_flight(worker, ours, leaving) for worker in (workers.all if workers else ())]
        )

    async def count(self, since: str | None) -> Reading:
        if self._home.load() is None:
            raise RouterError("cannot count requests: the router was never set up")
        if self._options.external is None:
            await anyio.to_thread.run_sync(trim, self._server.log)
        if since is None:
            return Reading(cursor=self._log.end())
        return await anyio.to_thread.run_sync(self._log.read, since)

    async def life(self) -> str | None:
        if self._options.external is None:
            ours = master(self._home)
            return life_of(ours.pid if ours else None)
        # Its master's pid may be that of another life: in a container each life has the same.
        return None if await self._running(self._home.load()) else ""

    async def recent(self, seconds: float) -> Reading:
        return await self.count(self._log.at(self._clock.now() - seconds))

    @property
    def _log(self) -> RequestLog:
        return request_log(self._server.log, frontend(self._spec))


def _build(spec: EnvironmentSpec, options: HaproxyOptions, clock: Clock, secrets: Secrets) -> Router:
    return HaproxyRouter(spec, options, clock)


driver = Driver(options=HaproxyOptions, build=_build, diagnose=diagnose)
