"""Somebody outside who is told what happens."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from comporta.model.messages import Message


class Notifier(Protocol):
    async def send(self, message: Message) -> None:
        """Deliver one message, within the receiver's own time limit.

        Raises:
            NotifyFailure: it did not arrive, as far as can be told. The reason may hold secrets.
        """


class Receiver(Struct, frozen=True):
    """One receiver of the config.

    Attributes:
        key: the same as long as the config says the same about it.
        label: what people call it; holds no secret.
        events: which messages it gets; empty: all.
        once: whether a message that failed is not tried again.
    """

    key: str
    label: str
    events: tuple[str, ...]
    once: bool
    notifier: Notifier
