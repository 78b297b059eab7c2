"""An outbox in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from comporta.model.deliveries import Delivery, Status


class FakeOutbox:
    """Implements the Outbox port."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._deliveries: dict[tuple[str, int, str], Delivery] = {}
        self._taken: set[str] = set()

    @contextmanager
    def turn(self, environment: str) -> Iterator[bool]:
        mine = environment not in self._taken
        self._taken.add(environment)
        try:
            yield mine
        finally:
            if mine:
                self._taken.discard(environment)

    def begin(self, environment: str, sequence: int) -> None:
        self._positions.setdefault(environment, sequence - 1)

    async def position(self, environment: str) -> int | None:
        return self._positions.get(environment)

    async def take_in(self, environment: str, position: int, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._deliveries.setdefault((environment, delivery.sequence, delivery.receiver), delivery)
        self._positions[environment] = position

    async def update(self, environment: str, delivery: Delivery) -> None:
        self._deliveries[environment, delivery.sequence, delivery.receiver] = delivery

    async def delivered(self, environment: str, delivery: Delivery) -> None:
        self._deliveries.pop((environment, delivery.sequence, delivery.receiver), None)

    async def all(self, environment: str) -> list[Delivery]:
        return [self._deliveries[key] for key in sorted(self._deliveries) if key[0] == environment]

    async def forget(self, environment: str, before: float) -> None:
        for key, delivery in list(self._deliveries.items()):
            if key[0] == environment and delivery.status is Status.GIVEN_UP and delivery.due <= before:
                del self._deliveries[key]
