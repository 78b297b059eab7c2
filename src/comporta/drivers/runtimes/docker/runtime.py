"""The `docker` runtime's decisions. What the engine is asked stands in `containers` and `images`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from comporta.drivers.runtimes.docker import images
from comporta.drivers.runtimes.docker.api import Api, EngineError
from comporta.drivers.runtimes.docker.containers import DEPLOYMENT, Container, Crew, sitting, slot_key
from comporta.drivers.runtimes.docker.engine import Engine
from comporta.drivers.runtimes.docker.expiry import ensure_reaper
from comporta.drivers.runtimes.docker.free import holders, require_parts
from comporta.drivers.runtimes.docker.launching import order, recorded
from comporta.drivers.runtimes.docker.logs import LogReader
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.drivers.runtimes.docker.supply import Supply
from comporta.drivers.runtimes.seat import Seat
from comporta.drivers.runtimes.versions import check_version
from comporta.model.errors import ArtifactMissing, RuntimeFailure
from comporta.model.release import Artifact, InstanceState, InstanceStatus, LogLine, Occupant, SlotState
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
        self._engine = Engine.of(options, Path(spec.base))
        self._host = options.host or spec.instance_host

    async def resolve(self, version: str) -> Artifact:
        check_version(version)
        reference = self._options.reference(version)
        async with self._engine.session() as api:
            image = await Supply(api, self._spec, self._options, self._secrets).provide(version)
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
        async with self._engine.session() as api:
            if await images.find(api, artifact.identity) is not None:
                return
            if digest := artifact.launch["digest"]:
                await Supply(api, self._spec, self._options, self._secrets).pull(digest, artifact.version)
            if await images.find(api, artifact.identity) is None:
                raise ArtifactMissing(
                    f"cannot use {artifact.version}: its image {artifact.identity[:19]} is gone",
                    next=f"{artifact.launch['image']} may be another one by now: `comporta deploy {artifact.version}` "
                    "takes that, as a new release",
                )

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        return tuple(f"{self._host}:{port}" for port in self._spec.ports(slot).take(instances))

    async def start(self, slot: Slot, occupant: Occupant, *, deployment: int | None = None) -> None:
        occupant = msgspec.structs.replace(occupant, warm_until=None, failed=False)
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        orders = {
            index: order(self._spec, slot, occupant, index, self._host, self._secrets)
            for index in range(1, occupant.instances + 1)
        }
        async with seat.locked(self._clock), self._engine.session() as api:
            await require_parts(api, occupant)
            await self._require_free(api, slot, occupant.instances)
            for container in await self._make_way(Crew(api, key, seat), occupant):
                del orders[container.index]
            for index, wanted in orders.items():
                if deployment is not None:
                    wanted["Labels"][DEPLOYMENT] = str(deployment)
                await self._launch(api, f"{slot}-{index}", wanted, recorded(occupant).networks[1:])
            await self._keep_images(api, occupant)

    async def observe(self, slot: Slot) -> SlotState:
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        async with self._engine.session() as api:
            containers = await Crew(api, key, seat).all()
        sits = sitting(seat.recorded(), containers)
        if sits is None:
            return SlotState(slot=slot)
        if sits.warm_until is not None:
            ensure_reaper(seat, self._engine, key)
        occupant = self._in_time(sits)
        # Surplus instances, and all those of an occupant whose time is over, are to be seen until they have ended.
        wanted = occupant.instances if occupant else 0
        found = {container.index: container for container in containers}
        statuses = [self._status(slot, i, found.get(i)) for i in sorted({*range(1, wanted + 1), *found})]
        shown = tuple(status for status in statuses if status.index <= wanted or status.pid is not None)
        return SlotState(slot=slot, occupant=occupant, instances=shown)

    async def stop(self, slot: Slot) -> None:
        seat = self._seat(slot)
        async with seat.locked(self._clock), self._engine.session() as api:
            await Crew(api, slot_key(self._spec, slot), seat).vacate()

    async def expire(self, slot: Slot, at: float | None, *, failed: bool = False) -> None:
        seat, key = self._seat(slot), slot_key(self._spec, slot)
        async with seat.locked(self._clock), self._engine.session() as api:
            sits = sitting(seat.recorded(), await Crew(api, key, seat).all())
            if (occupant := self._in_time(sits)) is None:
                return
            if at is not None:
                # Before the time is noted: a crash in between leaves a reaper that waits, not a slot without one.
                ensure_reaper(seat, self._engine, key)
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
        async with self._engine.session() as api:
            containers = await Crew(api, slot_key(self._spec, slot), self._seat(slot)).all()
            mine = {c.id: c.index for c in containers if index in (None, c.index)}
            return await (reader.new(api, mine) if lines is None else reader.last(api, mine, lines, index))

    def _seat(self, slot: Slot) -> Seat:
        return Seat(Path(self._spec.state) / self._spec.environment / "docker" / slot.value)

    def _in_time(self, occupant: Occupant | None) -> Occupant | None:
        """An occupant whose time is over sits there no more, though it may still be about to end."""
        until = occupant.warm_until if occupant else None
        return None if until is not None and until <= self._clock.now() else occupant

    async def _require_free(self, api: Api, slot: Slot, instances: int) -> None:
        ports = self._spec.ports(slot).take(instances)
        taken = await holders(api, self._host, ports, slot_key(self._spec, slot), local=self._engine.is_local)
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
        staying = [c for c in containers if c.runs and c.is_of(occupant) and c.index <= occupant.instances]
        await crew.end(container for container in containers if container not in staying)
        return staying

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

    async def _keep_images(self, api: Api, occupant: Occupant) -> None:
        kept = images.Kept(api, self._spec)
        await kept.keep(occupant.artifact.identity)
        await kept.prune(self._options)

    def _status(self, slot: Slot, index: int, container: Container | None) -> InstanceStatus:
        address = self.addresses(slot, index)[-1]
        if container is None:
            return InstanceStatus(slot=slot, index=index, address=address, state=InstanceState.STOPPED)
        return container.status(slot, address)
