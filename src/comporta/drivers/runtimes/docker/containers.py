"""The containers of one slot, found by their labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from comporta.drivers.runtimes.docker.api import Api, EngineError
from comporta.drivers.runtimes.docker.fleet import Host, Reached
from comporta.drivers.runtimes.docker.logs import epoch, read_log
from comporta.drivers.runtimes.seat import Seat
from comporta.model.release import InstanceState, InstanceStatus, Occupant
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.steps.groups import task_group

SERVICE, ENVIRONMENT, SLOT = "comporta.service", "comporta.environment", "comporta.slot"
INSTANCE, OCCUPANT, DEPLOYMENT = "comporta.instance", "comporta.occupant", "comporta.deployment"
VERSION = "comporta.version"
STOP_BOUND = 60.0
"""Seconds beyond a container's grace time within which the engine has ended it."""
SAVED_LINES = 10_000
"""So many lines of a container's log outlive it."""

STATES = {
    "created": InstanceState.STOPPED,
    "running": InstanceState.RUNNING,
    "paused": InstanceState.STOPPED,
    "restarting": InstanceState.RESTARTING,
    "removing": InstanceState.STOPPED,
    "dead": InstanceState.FAILED,
}
HEALTH = {"starting": InstanceState.STARTING, "unhealthy": InstanceState.FAILED}
"""What the image's own health check says of a running container."""


class Container(Struct, frozen=True):
    """What the engine tells of a container of ours; of one that was restarted, also how it ended before."""

    host: Host
    facts: Mapping[str, Any]
    ends: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        return str(self.facts["Id"])

    @property
    def labels(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.facts["Config"]["Labels"]
        return found

    @property
    def index(self) -> int:
        return int(self.labels[INSTANCE])

    @property
    def occupant(self) -> Occupant:
        """Who it was created for; the number of instances may be another by now."""
        return msgspec.json.decode(self.labels[OCCUPANT], type=Occupant)

    @property
    def runs(self) -> bool:
        """It serves, or the engine is about to start it again."""
        return self._state["Status"] in ("running", "restarting")

    @property
    def has_ended(self) -> bool:
        """It does nothing any more, or never did, and will not by itself."""
        return self._state["Status"] in ("created", "exited", "dead")

    @property
    def restarts(self) -> int:
        return int(self.facts["RestartCount"])

    def is_of(self, occupant: Occupant) -> bool:
        mine = self.occupant
        return (mine.release, mine.artifact) == (occupant.release, occupant.artifact)

    def status(self, slot: Slot, address: str) -> InstanceStatus:
        return InstanceStatus(
            slot=slot,
            index=self.index,
            address=address,
            state=self._instance_state,
            pid=self._state["Pid"] or None,
            restarts=self.restarts,
            exit_code=self._exit_code,
            reason=self._reason,
        )

    @property
    def _state(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.facts["State"]
        return found

    @property
    def _health(self) -> Mapping[str, Any]:
        return self._state.get("Health") or {}

    @property
    def _instance_state(self) -> InstanceState:
        status = self._state["Status"]
        if status == "exited":
            return InstanceState.FAILED if self._state["ExitCode"] else InstanceState.STOPPED
        if status == "running":
            return HEALTH.get(self._health.get("Status", ""), InstanceState.RUNNING)
        return STATES[status]

    @property
    def _exit_code(self) -> int | None:
        """Of the last end. A container that runs again has forgotten it, the engine's events may not have."""
        if self._state["Status"] != "running":
            return int(self._state["ExitCode"])
        codes = [int(event["Actor"]["Attributes"]["exitCode"]) for event in self.ends if event["Action"] == "die"]
        return codes[-1] if codes else None

    @property
    def _reason(self) -> str:
        if self._state["OOMKilled"] or any(event["Action"] == "oom" for event in self.ends):
            limit = self.facts["HostConfig"]["Memory"] >> 20
            return f"killed for want of memory (its limit is {limit} MiB)" if limit else "killed for want of memory"
        if self._state["Error"]:
            return str(self._state["Error"])
        if self._state["Status"] == "running" and self._health.get("Status") in HEALTH:
            told = [" ".join(str(probe["Output"]).split()) for probe in self._health.get("Log") or ()]
            return f"the image's own health check: {(told or ['no result yet'])[-1] or 'no output'}"
        return ""


class Crew(Struct, frozen=True):
    """All containers of one slot, whoever created them, on every host that can be reached.

    Attributes:
        key: the labels that they have in common, and no others have.
        seat: what they wrote is kept there when they are removed.
    """

    reached: Reached
    key: Mapping[str, str]
    seat: Seat

    async def all(self) -> list[Container]:
        """In order of their index."""
        found = await self.reached.each(self._on)
        containers = [container for those in found.values() for container in those]
        return sorted(containers, key=lambda container: container.index)

    async def vacate(self) -> None:
        """End them all; then the slot is free. The caller holds the seat's lock.

        Raises:
            Unreachable: on a host that is lost they may go on; those on the others have ended.
        """
        await self.end(await self.all())
        self.reached.require_all()
        self.seat.clear()

    async def end(self, containers: Iterable[Container]) -> None:
        """The image's stop signal, the grace time, SIGKILL; all at once. Logs are kept, containers are not."""
        ending = list(containers)

        async def end_here(host: Host, api: Api) -> None:
            async with task_group() as group:
                for container in ending:
                    if container.host == host:
                        group.start_soon(self._end, api, container)

        await self.reached.each(end_here)

    async def _on(self, host: Host, api: Api) -> list[Container]:
        labels = [f"{name}={value}" for name, value in self.key.items()]
        listed = await api.get("/containers/json", all=True, filters={"label": labels})
        facts = [await api.find(f"/containers/{one['Id']}/json") for one in listed]
        return [await self._with_ends(api, Container(host, one)) for one in facts if one is not None]

    async def _with_ends(self, api: Api, container: Container) -> Container:
        state = container.facts["State"]
        if not container.restarts or state["Status"] != "running":
            return container
        told = {"container": [container.id], "event": ["die", "oom"]}
        # Up to a moment that is past: the engine tells what it remembers, and waits for nothing.
        events = await api.read("/events", since=0, until=epoch(state["StartedAt"]), filters=told)
        return replace(container, ends=tuple(msgspec.json.Decoder().decode_lines(events)))

    async def _end(self, api: Api, container: Container) -> None:
        grace = container.facts["Config"].get("StopTimeout") or 10
        try:
            await api.post(f"/containers/{container.id}/stop", bound=grace + STOP_BOUND)
        except EngineError as error:
            if error.status == 404:
                return
            raise
        # A log that cannot be read must keep nothing from being removed.
        with suppress(EngineError):
            await self._save_log(api, container)
        await api.delete(f"/containers/{container.id}", v=True, force=True)

    async def _save_log(self, api: Api, container: Container) -> None:
        lines = await read_log(api, container.id, tail=SAVED_LINES)
        with self.seat.log(container.index).open("a") as file:
            file.writelines(f"{line.text}\n" for line in lines)


def slot_key(spec: EnvironmentSpec, slot: Slot) -> dict[str, str]:
    """The labels by which the containers of a slot are known."""
    return {SERVICE: spec.service, ENVIRONMENT: spec.environment, SLOT: slot.value}


def labels(key: Mapping[str, str], occupant: Occupant, index: int) -> dict[str, str]:
    """All that is to be known of a container, also with no comporta around. No secret is among it."""
    return {
        **key,
        "comporta.release": str(occupant.release.number),
        VERSION: occupant.release.version,
        INSTANCE: str(index),
        OCCUPANT: msgspec.json.encode(occupant).decode(),
    }


def sitting(recorded: Occupant | None, containers: Collection[Container]) -> Occupant | None:
    """Who sits in a slot: as recorded, unless the containers that are there are others'."""
    if not containers or (recorded and any(container.is_of(recorded) for container in containers)):
        return recorded
    newest = max((container.occupant for container in containers), key=lambda occupant: occupant.release.number)
    mine = [container.index for container in containers if container.is_of(newest)]
    return msgspec.structs.replace(newest, instances=max(mine), warm_until=None, failed=False)
