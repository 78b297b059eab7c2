"""Artifacts, releases, and what occupies a slot."""

from __future__ import annotations

import enum
from typing import Any

from comporta.model.traffic import ReleaseRef, Slot
from comporta.model.values import Value


class Artifact(Value, frozen=True):
    """What a version is made of.

    Attributes:
        runtime: the driver that can start it, such as "process".
        version: the name people use.
        identity: digest of the content ("sha256:…"): a version whose identity changed is another artifact.
        launch: how the runtime starts it, as plain JSON. `${NAME}` in it is filled in only when an instance
            starts, so that no secret reaches the journal.
    """

    runtime: str
    version: str
    identity: str
    launch: dict[str, Any]


class Release(Value, frozen=True):
    """An immutable, numbered record of what was (or is about to be) live.

    Attributes:
        schema_revision: the revision of the database without which it does not serve; None: it needs none.
        contracts: the revisions it brings that take something away from earlier releases. It lives with each schema
            from `schema_revision` on, unless a contract of another release was applied.
    """

    number: int
    artifact: Artifact
    config_digest: str
    created_at: float
    schema_revision: str | None = None
    contracts: tuple[str, ...] = ()

    @property
    def ref(self) -> ReleaseRef:
        return ReleaseRef(number=self.number, version=self.artifact.version)


class Occupant(Value, frozen=True):
    """A release sitting in a slot with a number of instances.

    `warm_until` (seconds since the epoch) is set while the slot gets no traffic and is kept only for a quick
    rollback: its runtime stops it by itself at that time. With `failed` it is kept for a look instead, because its
    deployment turned back: it never gets traffic again without a fresh start.
    """

    release: ReleaseRef
    artifact: Artifact
    instances: int
    warm_until: float | None = None
    failed: bool = False


class InstanceState(enum.StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    """Its host does not answer: whether it runs, nobody here can tell."""


class InstanceStatus(Value, frozen=True):
    """One instance as its runtime sees it. `index` counts from 1 within the slot; `address` is host:port.

    `reason`: why it is in this state, where the runtime knows.
    """

    slot: Slot
    index: int
    address: str
    state: InstanceState
    pid: int | None = None
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.slot}-{self.index}"


class SlotState(Value, frozen=True):
    """What was observed of a slot: its occupant, if any, and its instances."""

    slot: Slot
    occupant: Occupant | None = None
    instances: tuple[InstanceStatus, ...] = ()

    @property
    def running(self) -> bool:
        """Every instance that the occupant should have is up (healthy is another question)."""
        up = sum(i.state is InstanceState.RUNNING for i in self.instances)
        return self.occupant is not None and up == self.occupant.instances


class Leftover(Value, frozen=True):
    """What an old release left behind, and nothing needs any more.

    Attributes:
        kind: what it is, for people: "image", "container", "folder".
        version: of the release that left it.
        parts: what its runtime removes, in this order, by their names.
        bytes: what is free afterwards, at least. What others of those found with it need as well counts once.
        ours: comporta made it, so that it goes by itself after a deployment; anything else only when a person says so.
        host: the engine it is on, where there are several.
    """

    kind: str
    version: str
    parts: tuple[str, ...]
    bytes: int
    ours: bool = False
    host: str = ""


class LogLine(Value, frozen=True):
    """One line of an instance's output; `index` counts from 1 within the slot."""

    index: int
    text: str
