"""The `docker` runtime's decisions. What the engine is asked stands in `containers` and `images`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import msgspec

from comporta.drivers.runtimes.docker import images
from comporta.drivers.runtimes.docker.api import Api, EngineError, Unreachable
from comporta.drivers.runtimes.docker.containers import DEPLOYMENT, Container, Crew, sitting, slot_key
from comporta.drivers.runtimes.docker.expiry import ensure_reaper
from comporta.drivers.runtimes.docker.fleet import Fleet, Host, Reached
from comporta.drivers.runtimes.docker.free import holders, require_parts
from comporta.drivers.runtimes.docker.launching import order, recorded
from comporta.drivers.runtimes.docker.leftovers import container_left, images_left, remove
from comporta.drivers.runtimes.docker.logs import LogReader, Source
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.drivers.runtimes.docker.supply import Supply, spread
from comporta.drivers.runtimes.seat import Seat
from comporta.drivers.runtimes.versions import check_version
from comporta.model.errors import ArtifactMissing, RuntimeFailure
from comporta.model.release import Artifact, InstanceState, InstanceStatus, Leftover, LogLine, Occupant, SlotState
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets

FOLLOW_EVERY = 0.5


class DockerRuntime:
    """Implements the Runtime port."""

    def __init__(self, spec: EnvironmentSpec, options: DockerOptions, clock: Clock, secrets: Secrets) -> None:
        self._spec = spec
        self._options = options
        self._clock = clock
        self._secrets = secrets
        self._fleet = Fleet.of(spec, options)

    async def resolve(self, version: str) -> Artifact:
        check_version(version)
        reference = self._options.reference(version)
        async with self._fleet.session() as reached:
            reached.require_all()
            image = await self._supply(reached).provide(version)
            await spread(reached, image["Id"])
            reached.require_all()
        return Artifact(
            runtime="docker",
            version=version,
            identity=image["Id"],
            launch={
                "image": reference,
                "digest": images.registry_digest(image, reference),
                "container": self._options.container.model_dump(mode="json"),
            },
        )

    async def verify(self, artifact: Artifact) -> None:
        async with self._fleet.session() as reached:
            if await spread(reached, artifact.identity):
                return
            if digest := artifact.launch["digest"]:
                await self._supply(reached).pull(digest, artifact.version)
            if not await spread(reached, artifact.identity):
                raise ArtifactMissing(
                    f"cannot use {artifact.version}: its image {artifact.identity[:19]} is gone",
                    next=f"{artifact.launch['image']} may be another one by now: `comporta deploy {artifact.version}` "
                    "takes that, as a new release",
                )

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        return self._spec.addresses(slot, instances)

    async def start(self, slot: Slot, occupant: Occupant, *, deployment: int | None = None) -> None:
        occupant = msgspec.structs.replace(occupant, warm_until=None, failed=False)
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        orders = {index: self._order(slot, occupant, index, deployment) for index in range(1, occupant.instances + 1)}
        async with seat.locked(self._clock), self._fleet.session() as reached:
            reached.require_all()
            await spread(reached, occupant.artifact.identity)
            await reached.on_all(lambda host, api: self._require_room(host, api, slot, occupant))
            for container in await self._make_way(Crew(reached, key, seat), occupant):
                del orders[container.index]

            async def launch(host: Host, api: Api) -> None:
                for index, wanted in orders.items():
                    if self._fleet.home(index) == host:
                        await self._launch(api, f"{slot}-{index}", wanted, recorded(occupant).networks[1:])
                await images.Kept(api, self._spec).keep(occupant.artifact.identity)

            await reached.on_all(launch)

    async def observe(self, slot: Slot) -> SlotState:
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        async with self._fleet.session() as reached:
            containers = await Crew(reached, key, seat).all()
        sits = sitting(seat.recorded(), containers)
        if sits is None:
            return SlotState(slot=slot)
        if sits.warm_until is not None:
            ensure_reaper(seat, self._fleet, key)
        occupant = self._in_time(sits)
        # Surplus instances, and all those of an occupant whose time is over, are to be seen until they have ended.
        wanted = occupant.instances if occupant else 0
        found = {container.index: container for container in containers if self._is_at_home(container)}
        known = sorted({*range(1, sits.instances + 1), *found})
        statuses = [self._status(slot, index, found.get(index), reached) for index in known]
        ending = [s for s in statuses if s.pid is not None or s.state is InstanceState.UNREACHABLE]
        shown = tuple(status for status in statuses if status.index <= wanted or status in ending)
        return SlotState(slot=slot, occupant=occupant, instances=shown)

    async def stop(self, slot: Slot) -> None:
        seat = self._seat(slot)
        key = slot_key(self._spec, slot)
        async with seat.locked(self._clock), self._fleet.session() as reached:
            try:
                await Crew(reached, key, seat).vacate()
            except Unreachable:
                if not reached.apis:
                    raise
                if owed := seat.recorded():
                    # What may go on where nobody is reached ends when that host is back: its time is over.
                    ensure_reaper(seat, self._fleet, key)
                    seat.record(msgspec.structs.replace(owed, warm_until=self._clock.now()))

    async def expire(self, slot: Slot, at: float | None, *, failed: bool = False) -> None:
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        async with seat.locked(self._clock), self._fleet.session() as reached:
            sits = sitting(seat.recorded(), await Crew(reached, key, seat).all())
            if (occupant := self._in_time(sits)) is None:
                return
            if at is not None:
                # Before the time is noted: a crash in between leaves a reaper that waits, not a slot without one.
                ensure_reaper(seat, self._fleet, key)
            seat.record(msgspec.structs.replace(occupant, warm_until=at, failed=failed))

    async def logs(
        self, slot: Slot, *, lines: int, follow: bool = False, index: int | None = None, previous: bool = False
    ) -> AsyncIterator[LogLine]:
        reader = LogReader(self._seat(slot))
        if previous:
            for line in reader.previous(lines, index):
                yield line
            return
        for line in await self._read(slot, reader, lines, index):
            yield line
        while follow:
            await self._clock.sleep(FOLLOW_EVERY)
            for line in await self._read(slot, reader, None, index):
                yield line

    async def _read(self, slot: Slot, reader: LogReader, lines: int | None, index: int | None) -> list[LogLine]:
        """The last lines, or (None) those that came since."""
        async with self._fleet.session() as reached:
            containers = await Crew(reached, slot_key(self._spec, slot), self._seat(slot)).all()
            mine = [Source(reached.apis[c.host], c.id, c.index) for c in containers if index in (None, c.index)]
            if lines is None:
                return await reader.new(mine)
            return [*await reader.last(mine, lines, index), *self._unread(slot, reached, index)]

    def _unread(self, slot: Slot, reached: Reached, index: int | None) -> list[LogLine]:
        """In place of what was written where nobody is reached."""
        sits = self._seat(slot).recorded()
        return [
            LogLine(index=i, text=f"(cannot read what {slot}-{i} wrote: {error.message})")
            for i in range(1, sits.instances + 1 if sits else 1)
            if index in (None, i) and (error := reached.lost.get(self._fleet.home(i)))
        ]

    @property
    def keep(self) -> int:
        return self._options.keep_images

    async def leftovers(
        self, known: Collection[Artifact], needed: Collection[Artifact], *, ours: bool = False
    ) -> tuple[Leftover, ...]:
        async with self._fleet.session() as reached:
            reached.require_all()
            ended = [container for slot in Slot for container in await self._unwanted(reached, slot)]

            async def left(host: Host, api: Api) -> list[Leftover]:
                here = [container for container in ended if container.host == host]
                kept = images.Kept(api, self._spec)
                return [
                    *[await container_left(api, container) for container in here],
                    *await images_left(api, kept, known, needed, ending={container.id for container in here}),
                ]

            found = await reached.on_all(left)
        several = len(self._fleet.hosts) > 1
        return tuple(
            msgspec.structs.replace(leftover, host=host.engine.url if several else "")
            for host, leftovers in found.items()
            for leftover in leftovers
            if leftover.ours or not ours
        )

    async def discard(self, leftover: Leftover) -> None:
        async with self._fleet.session() as reached:
            reached.require_all()
            for host, api in reached.apis.items():
                if leftover.host in ("", host.engine.url):
                    await remove(api, leftover)

    async def _unwanted(self, reached: Reached, slot: Slot) -> list[Container]:
        """Containers of the slot that have ended, and are none of those that its occupant should have."""
        seat = self._seat(slot)
        containers = await Crew(reached, slot_key(self._spec, slot), seat).all()
        sits = self._in_time(sitting(seat.recorded(), containers))
        wanted = [c for c in containers if sits and c.is_of(sits) and c.index <= sits.instances and self._is_at_home(c)]
        return [container for container in containers if container.has_ended and container not in wanted]

    def _seat(self, slot: Slot) -> Seat:
        return Seat(Path(self._spec.state) / self._spec.environment / "docker" / slot.value)

    def _in_time(self, occupant: Occupant | None) -> Occupant | None:
        """An occupant whose time is over sits there no more, though it may still be about to end."""
        until = occupant.warm_until if occupant else None
        return None if until is not None and until <= self._clock.now() else occupant

    def _supply(self, reached: Reached) -> Supply:
        """Of one host: the others get the image from there."""
        return Supply(next(iter(reached.apis.values())), self._spec, self._options, self._secrets)

    def _order(self, slot: Slot, occupant: Occupant, index: int, deployment: int | None) -> dict[str, Any]:
        wanted = order(self._spec, slot, occupant, index, self._fleet.home(index).address, self._secrets)
        if deployment is not None:
            wanted["Labels"][DEPLOYMENT] = str(deployment)
        return wanted

    async def _require_room(self, host: Host, api: Api, slot: Slot, occupant: Occupant) -> None:
        await require_parts(api, occupant)
        ports = self._fleet.ports(host, self._spec.ports(slot), occupant.instances)
        key = slot_key(self._spec, slot)
        taken = await holders(api, host.address, ports, key, local=host.engine.is_local)
        for port, holder in taken.items():
            raise RuntimeFailure(
                f"cannot start on port {port}: it is taken by {holder}",
                next="stop it, or give the slot other ports in the config",
            )

    async def _make_way(self, crew: Crew, occupant: Occupant) -> list[Container]:
        """End what is in the occupant's way, and record it. Gives back those of its containers that go on."""
        containers = await crew.all()
        sits = self._in_time(sitting(crew.seat.recorded(), containers))
        if sits is None or (sits.release, sits.artifact) != (occupant.release, occupant.artifact):
            await crew.vacate()
            crew.seat.put_logs_aside()
            crew.seat.record(occupant)
            return []
        crew.seat.record(occupant)
        wanted = [c for c in containers if self._is_at_home(c) and c.index <= occupant.instances]
        staying = [c for c in wanted if c.runs and c.is_of(occupant)]
        await crew.end(container for container in containers if container not in staying)
        crew.reached.require_all()
        return staying

    def _is_at_home(self, container: Container) -> bool:
        """It sits where the router expects it: the config may name other hosts since it was started."""
        return container.host == self._fleet.home(container.index)

    async def _launch(self, api: Api, name: str, wanted: dict[str, Any], networks: tuple[str, ...]) -> None:
        try:
            full_name = f"{self._spec.service}.{self._spec.environment}.{name}"
            created = (await api.post("/containers/create", wanted, name=full_name))["Id"]
            for network in networks:
                await api.post(f"/networks/{network}/connect", {"Container": created})
            await api.post(f"/containers/{created}/start")
        except EngineError as error:
            raise RuntimeFailure(
                f"cannot start {name}: {error.said}", next="correct `release.docker`, and deploy again"
            ) from error

    def _status(self, slot: Slot, index: int, container: Container | None, reached: Reached) -> InstanceStatus:
        address = self.addresses(slot, index)[-1]
        if container is not None:
            return container.status(slot, address)
        if error := reached.lost.get(self._fleet.home(index)):
            lost, why = InstanceState.UNREACHABLE, error.message
            return InstanceStatus(slot=slot, index=index, address=address, state=lost, reason=why)
        return InstanceStatus(slot=slot, index=index, address=address, state=InstanceState.STOPPED)
