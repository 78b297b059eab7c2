"""Releases as folders, instances as processes of this host: the `process` runtime.

Each slot has a supervisord of its own, which outlives comporta. This file decides; `process_supervisor` talks to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path

import anyio.to_thread
import msgspec

from comporta.drivers.runtimes.ports import require_free
from comporta.drivers.runtimes.process_artifact import identity
from comporta.drivers.runtimes.process_diagnosis import diagnose
from comporta.drivers.runtimes.process_filling import fill_launches
from comporta.drivers.runtimes.process_leftovers import folders_left, remove
from comporta.drivers.runtimes.process_logs import Log
from comporta.drivers.runtimes.process_members import lives, members
from comporta.drivers.runtimes.process_options import ProcessOptions
from comporta.drivers.runtimes.process_seat import Launched, Seat, seat_of
from comporta.drivers.runtimes.process_stopping import retire, vacate
from comporta.drivers.runtimes.process_supervisor import ENDED, RETRIES, STOPPING, Program, Supervisor
from comporta.drivers.runtimes.versions import locate
from comporta.model.errors import ArtifactMissing, RuntimeFailure
from comporta.model.release import Artifact, InstanceState, InstanceStatus, Leftover, LogLine, Occupant, SlotState
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.runtime import Runtime
from comporta.ports.secrets import Secrets

LAUNCH_BOUND = 10.0
LOOK_EVERY = 0.01
FOLLOW_EVERY = 0.2

STATES = {
    # Launched is enough to be called running: whether it is healthy, the probes find out.
    "STARTING": InstanceState.RUNNING,
    "RUNNING": InstanceState.RUNNING,
    "BACKOFF": InstanceState.RESTARTING,
    "EXITED": InstanceState.RESTARTING,
    "STOPPING": InstanceState.STOPPED,
    "STOPPED": InstanceState.STOPPED,
    "FATAL": InstanceState.FAILED,
    "UNKNOWN": InstanceState.FAILED,
}


class ProcessRuntime:
    """Implements the Runtime port.

    Args:
        retries: how often in a row an instance that ends soon after its start is started again.
    """

    def __init__(
        self, spec: EnvironmentSpec, options: ProcessOptions, clock: Clock, secrets: Secrets, *, retries: int = RETRIES
    ) -> None:
        self._spec = spec
        self._options = options
        self._clock = clock
        self._secrets = secrets
        self._retries = retries

    async def resolve(self, version: str) -> Artifact:
        directory = locate(self._base, self._options.directory, version)
        return Artifact(
            runtime="process",
            version=version,
            identity=await anyio.to_thread.run_sync(identity, self._base / directory),
            launch={
                "directory": directory,
                "command": list(self._options.command),
                "env": dict(self._options.env),
                "stop_grace": self._options.stop_grace,
            },
        )

    async def verify(self, artifact: Artifact) -> None:
        directory = self._base / artifact.launch["directory"]
        if not directory.is_dir():
            raise ArtifactMissing(f"cannot use {artifact.version}: its folder {directory} is gone")
        if await anyio.to_thread.run_sync(identity, directory) != artifact.identity:
            raise ArtifactMissing(
                f"cannot use {artifact.version}: the content of {directory} has changed since it was released",
                next="put the folder back as it was (a service must not write into it), or deploy it as a new version",
            )

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        return self._spec.addresses(slot, instances)

    async def start(self, slot: Slot, occupant: Occupant, *, deployment: int | None = None) -> None:
        occupant = msgspec.structs.replace(occupant, warm_until=None, failed=False)
        seat = self._seat(slot)
        launches = fill_launches(self._spec, slot, occupant, self._secrets)
        async with seat.locked(self._clock):
            ports = self._spec.ports(slot).take(occupant.instances)
            require_free(self._spec.instance_host, ports, partial(members, seat))
            supervisor = Supervisor(seat)
            found = seat.occupant(self._clock.now())
            same = found is not None and (found.release, found.artifact) == (occupant.release, occupant.artifact)
            if same and (programs := supervisor.programs()) is not None:
                await self._make_way(seat, supervisor, programs, occupant)
            else:
                await vacate(seat, self._clock)
                if not same:
                    seat.put_logs_aside()
                seat.record(occupant)
                await supervisor.launch(launches, grace=occupant.artifact.launch["stop_grace"], retries=self._retries)
            _start_ended(seat, supervisor, occupant.instances)
            await self._until_launched(seat, supervisor, occupant.instances)

    async def observe(self, slot: Slot) -> SlotState:
        seat = self._seat(slot)
        recorded = seat.recorded()
        if recorded is None:
            return SlotState(slot=slot)
        supervisor = Supervisor(seat)
        # In this order: a launch that supervisord knows of is counted, whether or not it has noted itself by now.
        launched, programs = seat.launched(), supervisor.programs()
        statuses = [
            self._status(slot, i, (programs or {}).get(i), launched.get(i))
            for i in sorted({*range(1, recorded.instances + 1), *launched})
        ]
        occupant = seat.occupant(self._clock.now())
        # Surplus instances, and all those of an occupant whose time is over, are to be seen until they have ended.
        wanted = occupant.instances if occupant else 0
        statuses = [status for status in statuses if status.index <= wanted or status.pid is not None]
        return SlotState(slot=slot, occupant=occupant, instances=_with_exit_codes(statuses, supervisor))

    async def stop(self, slot: Slot) -> None:
        seat = self._seat(slot)
        async with seat.locked(self._clock):
            await vacate(seat, self._clock)

    async def expire(self, slot: Slot, at: float | None, *, failed: bool = False) -> None:
        seat = self._seat(slot)
        async with seat.locked(self._clock):
            occupant = seat.occupant(self._clock.now())
            if occupant is None:
                return
            if at is not None:
                # Before the time is noted: a crash in between leaves a reaper that waits, not a slot without one.
                Supervisor(seat).start_reaper()
            seat.record(msgspec.structs.replace(occupant, warm_until=at, failed=failed))

    async def logs(
        self, slot: Slot, *, lines: int, follow: bool = False, index: int | None = None, previous: bool = False
    ) -> AsyncIterator[LogLine]:
        seat = self._seat(slot)
        logs = {i: Log(seat.log(i, previous=previous)) for i in seat.logged(previous=previous)}
        for i, log in logs.items():
            if index in (None, i):
                for text in log.last_lines(lines):
                    yield LogLine(index=i, text=text)
        while follow and not previous:
            await self._clock.sleep(FOLLOW_EVERY)
            for i in seat.logged():
                log = logs.setdefault(i, Log(seat.log(i)))
                if index in (None, i):
                    for text in log.new_lines():
                        yield LogLine(index=i, text=text)

    @property
    def keep(self) -> int:
        return self._options.keep_releases

    async def leftovers(
        self, known: Collection[Artifact], needed: Collection[Artifact], *, ours: bool = False
    ) -> tuple[Leftover, ...]:
        if ours:
            return ()
        return await anyio.to_thread.run_sync(folders_left, self._spec, known, needed)

    async def discard(self, leftover: Leftover) -> None:
        for part in leftover.parts:
            await anyio.to_thread.run_sync(remove, self._base / part)

    @property
    def _base(self) -> Path:
        return Path(self._spec.base)

    def _seat(self, slot: Slot) -> Seat:
        return seat_of(self._spec, slot)

    async def _make_way(
        self, seat: Seat, supervisor: Supervisor, programs: dict[int, Program], occupant: Occupant
    ) -> None:
        """Record the new number of instances and end the surplus ones, the highest index first."""
        if occupant.instances > len(programs):
            raise RuntimeFailure(
                f"cannot run {occupant.instances} instances in {seat.path.name}: "
                f"it was started with room for {len(programs)}",
                next="`comporta deploy` the version again: it starts afresh, in the other slot",
            )
        surplus = range(occupant.instances + 1, len(programs) + 1)
        for index in reversed(surplus):
            if programs[index].state not in ENDED:
                supervisor.stop(index)
        # Only now, as nobody must see more instances run than the record allows.
        seat.record(occupant)
        # One that is wanted may still be ending since a start with fewer, which did not come to its end.
        ending = [index for index, program in programs.items() if program.state == STOPPING]
        await retire(seat, {*surplus, *ending}, self._clock)

    async def _until_launched(self, seat: Seat, supervisor: Supervisor, instances: int) -> None:
        deadline = self._clock.monotonic() + LAUNCH_BOUND
        wanted = set(range(1, instances + 1))
        while missing := wanted - seat.launched().keys():
            if self._clock.monotonic() >= deadline:
                raise RuntimeFailure(
                    f"cannot launch {instances} instances: supervisord did not start {len(missing)} of them",
                    next=f"{seat.path / 'supervisord.log'} has the reason",
                )
            supervisor.wake()
            await self._clock.sleep(LOOK_EVERY)

    def _status(self, slot: Slot, index: int, program: Program | None, launched: Launched | None) -> InstanceStatus:
        if program is not None:
            state, pid = STATES[program.state], program.pid
        elif launched is not None and lives(launched):
            # Its supervisord is gone or about to end, but it serves.
            state, pid = InstanceState.RUNNING, launched.pid
        else:
            state, pid = InstanceState.STOPPED, None
        return InstanceStatus(
            slot=slot,
            index=index,
            address=self.addresses(slot, index)[-1],
            state=state,
            pid=pid,
            restarts=_restarts(pid, launched),
        )


def _restarts(pid: int | None, launched: Launched | None) -> int:
    if launched is None:
        return 0
    return launched.launches if pid not in (None, launched.pid) else launched.launches - 1


def _start_ended(seat: Seat, supervisor: Supervisor, instances: int) -> None:
    for index, program in (supervisor.programs() or {}).items():
        if index <= instances and program.state in ENDED:
            # A start on purpose is no restart.
            seat.forget_launches(index)
            supervisor.start(index)


def _with_exit_codes(statuses: list[InstanceStatus], supervisor: Supervisor) -> tuple[InstanceStatus, ...]:
    if all(status.state is InstanceState.RUNNING and not status.restarts for status in statuses):
        return tuple(statuses)
    codes = supervisor.exit_codes()
    return tuple(msgspec.structs.replace(status, exit_code=codes.get(status.index)) for status in statuses)


def build(spec: EnvironmentSpec, options: ProcessOptions, clock: Clock, secrets: Secrets) -> Runtime:
    return ProcessRuntime(spec, options, clock, secrets)


driver: Driver[Runtime] = Driver(options=ProcessOptions, build=build, diagnose=diagnose)
