"""What comporta tells the world about: one message for each moment that matters, as people and programs read it."""

from __future__ import annotations

import enum
from typing import Any

from comporta.model.values import Value


class Event(enum.StrEnum):
    """What a message is about."""

    APPROVAL_WANTED = "approval-wanted"
    STARTED = "started"
    PROMOTED = "promoted"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled-back"
    """Traffic went back to an earlier release: a deployment was undone, or a rollback was asked for and is done."""
    SUPERSEDED = "superseded"
    INCIDENT = "incident"
    THRESHOLD_CROSSED = "threshold-crossed"
    THRESHOLD_CLEARED = "threshold-cleared"
    MAINTENANCE_ON = "maintenance-on"
    MAINTENANCE_OFF = "maintenance-off"
    TEST = "test"


DEPLOY_FAILED = "deploy-failed"
"""A receiver that asks for this gets every deployment that did not end as it was meant, however it ended."""


class Message(Value, frozen=True, omit_defaults=False):
    """One message. All facts are there for programs; `title` and `text` say the same to people.

    Attributes:
        id: the same whenever the message is sent again, and no other's: receivers may drop what they have.
        hash: of the journal's record that it tells about: a witness for `comporta audit verify --head`.
        at: seconds since the epoch when it happened.
        severity: "info", "warning" or "critical".
        version, release: what was deployed; `replaces` is the version that served before.
        outcome: of the deployment, once it has one.
        cause: why it did not end promoted; `reason` is what the actor gave as theirs.
        seconds: how long the deployment took.
        requests, lost: answered and lost meanwhile, as far as is known.
        next: the command that helps, if one is needed.
    """

    id: str
    hash: str
    event: Event
    severity: str
    at: float
    service: str
    environment: str
    title: str
    text: str
    deployment: int | None = None
    version: str = ""
    release: int | None = None
    replaces: str | None = None
    strategy: str = ""
    actor: str = ""
    reason: str = ""
    outcome: str = ""
    cause: str = ""
    seconds: float | None = None
    requests: int | None = None
    lost: int | None = None
    next: str = ""

    @property
    def failed(self) -> bool:
        """It tells that a deployment did not end as it was meant."""
        return self.outcome in ("aborted", "rolled-back", "incident")

    def facts(self) -> dict[str, Any]:
        """Every field as plain JSON types."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def wanted(events: tuple[str, ...], message: Message) -> bool:
    """Whether a receiver that asks for these events (none: for all) gets the message."""
    return not events or message.event in events or (message.failed and DEPLOY_FAILED in events)
