"""The nginx router. A switch replaces a link and reloads nothing; only another topology is a reload, and is proven."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec

from comporta.drivers.routers.asking import generation
from comporta.drivers.routers.front import Front
from comporta.drivers.routers.maintenance import doing, not_known_yet
from comporta.drivers.routers.nginx_diagnosis import diagnose
from comporta.drivers.routers.nginx_external import External
from comporta.drivers.routers.nginx_file import LOSSLESS_RELOAD, file_name, render
from comporta.drivers.routers.nginx_home import File, Home, Record
from comporta.drivers.routers.nginx_log import request_log
from comporta.drivers.routers.nginx_maintenance import Maintenance
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.nginx_process import Managed, master
from comporta.drivers.routers.nginx_proof import Proof
from comporta.drivers.routers.nginx_server import Server
from comporta.drivers.routers.nginx_switch import Switch
from comporta.drivers.routers.nginx_workers import master_of
from comporta.drivers.routers.pools import require_instances
from comporta.drivers.routers.ports import OUR_NETWORK, open_connections, resolved
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


class NginxRouter(Front[Home]):
    """Implements the Router port, with an nginx of our own or one that is there already."""

    def __init__(self, spec: EnvironmentSpec, options: NginxOptions, clock: Clock) -> None:
        super().__init__(spec, Home.of(spec))
        self._options = options
        self._clock = clock
        self._switch = Switch(self._home.switch)
        self._maintenance = Maintenance(self._home)
        self._server: Server = (
            External(options.external, base=Path(spec.base), file_name=file_name(spec))
            if options.external
            else Managed(self._home, clock)
        )

    # What it does now

    async def observe(self) -> Routing:
        record = self._home.load()
        traffic, wrong = self._switch.read()
        proven = record.proven if record else None
        return Routing(
            running=proven is not None and await self._serves(proven, record),
            topology=proven.topology if proven else None,
            traffic=traffic,
            tampered=self._home.tampered(self._server.file, record) or (wrong if proven else ""),
            maintenance=self._maintenance.is_up(),
        )

    async def _serves(self, file: File, record: Record | None) -> bool:
        """Our own nginx serves what it was proven to serve as long as it lives; of another one nobody knows."""
        if self._options.external is None:
            return master(self._home) is not None
        return record is not None and await self._generation(file, record) == file.generation

    # The topology

    async def configure(self, topology: Topology) -> None:
        traffic, _ = self._switch.read()
        _require_stage("take a stage away that is in force", traffic, topology)
        require_instances("take away instances that get requests", traffic, topology)
        record = self._home.load() or Record(token=secrets.token_hex(16))
        self._home.prepare()
        await self._server.tend_log()
        file = self._rendered(topology, record)
        if await self._in_force(file, record):
            return
        self._server.require_listenable(topology.listen)
        record = msgspec.structs.replace(record, pending=file)
        self._home.save(record)
        self._switch.close_if_new()
        await self._put_in_force(file, record)
        self._home.save(Record(token=record.token, proven=file))

    def _rendered(self, topology: Topology, record: Record) -> File:
        version = self._server.version()
        return render(
            self._spec,
            self._options,
            self._home,
            topology,
            token=record.token,
            bypass=record.bypass,
            version=version,
        )

    async def _in_force(self, file: File, record: Record) -> bool:
        if record.proven != file or record.pending is not None or self._home.tampered(self._server.file, record):
            return False
        return await self._serves(file, record)

    async def _put_in_force(self, file: File, record: Record) -> None:
        proof = Proof(self._server, self._clock, file, record.token, live=self._switch.link, log=self._home.access_log)
        try:
            await self._server.install(file.text)
            await self._server.apply()
            await proof.wait()
        except RouterError:
            await self._go_back(record)
            raise

    async def _go_back(self, record: Record) -> None:
        """What served before stays, also for whoever reloads nginx next."""
        record = msgspec.structs.replace(record, pending=None)
        with suppress(RouterError):  # the first error is the one to tell
            if record.proven is None:
                await self._server.withdraw()
            elif self._home.tampered(self._server.file, record):
                await self._server.install(record.proven.text)
                await self._server.apply()
        self._home.save(record)

    def reload_note(self, topology: Topology, current: Routing) -> str:
        record = self._home.load()
        if not current.running or record is None or self._rendered(topology, record) == record.proven:
            return ""
        version = self._server.version()
        if version >= LOSSLESS_RELOAD:
            return ""
        return (
            f"nginx {'.'.join(map(str, version)) or '(version unknown)'} is reloaded: it may close idle keep-alive "
            f"connections while a request is on the wire (from {'.'.join(map(str, LOSSLESS_RELOAD))} on it does not)"
        )

    async def remove(self) -> None:
        record = self._home.load()
        await self._server.withdraw()
        file = (record.proven or record.pending) if record else None
        if record and file:

            async def forgotten() -> bool:
                return await self._generation(file, record) is None

            if not await until(forgotten, self._clock, within=FORGOTTEN_WITHIN):
                raise RouterError(f"cannot remove the router: nginx still serves {self._server.file}")
        self._home.clear()

    # The traffic

    async def shift(self, to: Traffic) -> None:
        routing = await self.observe()
        if not routing.running or routing.topology is None:
            raise RouterError("cannot shift: nginx does not run", next="`comporta deploy` starts it again")
        _require_stage("split traffic", to, routing.topology)
        require_instances("shift", to, routing.topology)
        try:
            self._switch.write(to)
        except OSError as error:
            raise RouterError(f"cannot shift: {self._switch.link}: {error.strerror}") from None
        traffic, wrong = self._switch.read()
        if traffic != to:
            raise RouterError(f"cannot shift: {wrong or f'{self._switch.link} was changed at the same moment'}")

    async def maintain(self, page: str | None) -> None:
        record = self._home.load()
        if record is None or record.proven is None or not await self._serves(record.proven, record):
            raise RouterError(f"cannot {doing(page)}: nginx does not run", next="`comporta deploy` starts it again")
        if str(self._home.maintenance) not in record.proven.text:
            raise not_known_yet(page, self._server.file)
        try:
            self._maintenance.set(page)
        except OSError as error:
            raise RouterError(f"cannot {doing(page)}: {self._home.switch}: {error.strerror}") from None
        if self._maintenance.is_up() is not (page is not None):
            raise RouterError(f"cannot {doing(page)}: {self._home.maintenance} was changed at the same moment")

    async def in_flight(self, slot: Slot, beyond: int = 0) -> int:
        record = self._home.load()
        ports = self._spec.ports(slot)  # all of them: an old worker may still talk to one that the topology lost
        addresses = set(self._spec.addresses(slot, len(ports))[beyond:])
        if record and record.proven:
            addresses |= set(record.proven.topology.addresses(slot)[beyond:])
        at = {resolved(address) for address in addresses}
        return await anyio.to_thread.run_sync(open_connections, at, await self._network(record))

    async def _network(self, record: Record | None) -> Path:
        """Where the kernel lists nginx's connections: one in a container may have a network of its own."""
        if self._options.external is None or record is None or record.proven is None:
            return OUR_NETWORK
        answers, their_master = await self._external_master(record.proven.topology, record.token)
        if answers and their_master is None:
            raise RouterError(
                "cannot tell what is in flight: nginx's workers cannot be seen from here",
                next="run comporta on nginx's machine, as root",
            )
        return Path(f"/proc/{their_master}/net") if their_master else OUR_NETWORK

    async def _external_master(self, topology: Topology, token: str) -> tuple[bool, int | None]:
        """Whether the nginx that is there already answers; and the pid of its master, if it can be seen from here."""
        seen = await generation(topology.listen, topology.server_name, token)
        if seen is None:
            return False, None
        return True, await anyio.to_thread.run_sync(master_of, seen.pid, self._home.access_log)

    async def count(self, since: str | None) -> Reading:
        await self._server.tend_log()
        log = request_log(self._home.access_log)
        return Reading(cursor=log.end()) if since is None else await anyio.to_thread.run_sync(log.read, since)

    async def life(self) -> str | None:
        if self._options.external is None:
            ours = master(self._home)
            return life_of(ours.pid if ours else None)
        record = self._home.load()
        if record is None or record.proven is None:
            return ""
        answers, their_master = await self._external_master(record.proven.topology, record.token)
        return (life_of(their_master) or None) if answers else ""

    async def recent(self, seconds: float) -> Reading:
        return await self.count(request_log(self._home.access_log).at(self._clock.now() - seconds))


def _require_stage(what: str, traffic: Traffic, topology: Topology) -> None:
    """Nginx can split traffic only as its file has it."""
    if traffic.split and not topology.has_stage(traffic.split):
        stages = ", ".join(map(str, topology.stages)) or "none"
        shares = f"{traffic.split.blue} % to blue, {traffic.split.green} % to green"
        raise RouterError(f"cannot {what} ({shares}): the stages are {stages}")


def _build(spec: EnvironmentSpec, options: NginxOptions, clock: Clock, secrets: Secrets) -> Router:
    return NginxRouter(spec, options, clock)


driver = Driver(options=NginxOptions, build=_build, diagnose=diagnose)
