"""Leases, records and outcomes: what the journal holds."""

from __future__ import annotations

import enum
from typing import Any

from comporta.model.values import Value


class Outcome(enum.StrEnum):
    """How a deployment ended."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    """Undone before users saw the new release."""
    ROLLED_BACK = "rolled-back"
    """Undone after traffic had been switched to it."""
    SUPERSEDED = "superseded"
    """Given up: a later act made it pointless, such as taking the environment down."""
    INCIDENT = "incident"
    """It needs a person."""


class Holder(Value, frozen=True):
    """Who holds a lease: enough to tell for sure, on the same host, whether the process is still there.

    `started` is when the process was started, as process ids are used again: in seconds since the boot where that is
    known, since no clock that is set changes them.
    """

    host: str
    boot_id: str
    pid: int
    started: float
    actor: str


class Lease(Value, frozen=True):
    """The sole right to change one environment.

    Attributes:
        generation: grows with every new holder; a write under an older one is refused.
        manual: taken by hand (`comporta lock`); never taken over.
        message: why it was taken by hand.
        heartbeat: seconds since the epoch of the last sign of life.
        doing: the deployment and step at that time, for people.
    """

    environment: str
    generation: int
    holder: Holder
    acquired: float
    heartbeat: float
    manual: bool = False
    message: str = ""
    doing: str = ""


class Kind(enum.StrEnum):
    """The kinds of journal records."""

    RELEASE = "release"
    REQUESTED = "requested"
    """A deployment waits for approvals (`approval`), with what an OPENED record would hold. Nothing was begun."""
    APPROVED = "approved"
    REJECTED = "rejected"
    OPENED = "opened"
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    UNDO_INTENT = "undo-intent"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"
    FOREIGN = "foreign"
    ABORT = "abort"
    PROMOTE = "promote"
    PAUSE = "pause"
    CONTINUE = "continue"
    MEASURED = "measured"
    TAKEN_OVER = "taken-over"
    FINISHED = "finished"
    MAINTENANCE = "maintenance"
    """The maintenance page was put up (`on`: true, with its `message`) or taken down."""
    ALERT = "alert"
    """A threshold of the watch was crossed (`crossed`: true) or is kept again: `name`, `message`, `severity`."""
    VALIDATED = "validated"
    """What serves was validated (`passed`): the `release`, its `phases` with what they measured, what was `skipped`."""
    BACKUP = "backup"
    """Of the database: what was done (`did`: made, verified, damaged, restoring, restored, deleted) with `id`."""
    PRUNED = "pruned"
    """What old releases left is removed (`did`: removing, with the `leftovers`) and was (`did`: removed, `bytes`)."""
    CONTRACT = "contract"
    """Migrations that had waited: `did` is begun (with their `names`), and then applied or failed."""
    RECOVERED = "recovered"
    """Stands where a damaged journal was first wrong: how many records were `kept`, the sequences of those that were
    `lost`, the hash of the old `head`, where the old journal was set `aside`, what router and runtime `showed`."""
    NOTE = "note"


class Record(Value, frozen=True):
    """One entry of the journal.

    `hash` covers all the other fields and the hash of the record before (`previous`), so that a change to any
    earlier record shows. `step` is the index of the step in the plan, for records about a step.
    """

    sequence: int
    at: float
    environment: str
    deployment: int | None
    kind: Kind
    step: int | None
    actor: str
    generation: int | None
    data: dict[str, Any]
    previous: str
    hash: str
