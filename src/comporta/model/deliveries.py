"""A message on its way to one receiver."""

from __future__ import annotations

import enum

from comporta.model.messages import Message
from comporta.model.values import Value


class Status(enum.StrEnum):
    """How far a delivery is. One that arrived is kept no longer."""

    PENDING = "pending"
    GIVEN_UP = "given-up"


class Delivery(Value, frozen=True):
    """What is still to be delivered, or could not be.

    Attributes:
        sequence: of the journal's record that the message tells about.
        receiver: its key; `label` is what people call it.
        tries: how often it was begun.
        due: when to try next; seconds since the epoch.
        error: why the last try failed, without secrets.
    """

    sequence: int
    receiver: str
    label: str
    message: Message
    due: float
    tries: int = 0
    status: Status = Status.PENDING
    error: str = ""
