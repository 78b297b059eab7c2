"""What is still to be told, and to whom. It survives the process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from comporta.model.deliveries import Delivery


class Outbox(Protocol):
    """Writes are durable when they return. Every method raises OutboxError when the outbox cannot be used."""

    def turn(self, environment: str) -> AbstractContextManager[bool]:
        """The sole right to deliver, for the block: False if another process has it. A dead one has it no more."""

    def begin(self, environment: str, sequence: int) -> None:
        """Where no journal record was ever taken in: the one with this sequence is to be the first."""

    async def position(self, environment: str) -> int | None:
        """The sequence of the last journal record that was taken in; None if none ever was."""

    async def take_in(self, environment: str, position: int, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries and move the position, both or neither. Deliveries that are there already stay as they are."""

    async def update(self, environment: str, delivery: Delivery) -> None:
        """How far a delivery is now."""

    async def delivered(self, environment: str, delivery: Delivery) -> None:
        """It arrived, and is kept no longer."""

    async def all(self, environment: str) -> list[Delivery]:
        """What is pending or was given up, oldest first."""

    async def forget(self, environment: str, before: float) -> None:
        """Drop what was given up and is due no later than `before` (seconds since the epoch)."""
