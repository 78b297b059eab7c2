"""Requests that were sent and have no answer yet: whoever stops their instance loses them."""

from __future__ import annotations

from collections.abc import Iterable

from comporta.model.traffic import Slot
from simulation.virtual_time import SimulatedClock

LONGEST = 1.0
"""Seconds that the slowest request takes."""


class Underway:
    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._last: dict[tuple[Slot, int], float] = {}
        """When each instance got its last request."""

    def sent(self, slot: Slot, indices: Iterable[int]) -> None:
        """Now these instances get requests."""
        for index in indices:
            self._last[slot, index] = self._clock.monotonic()

    def give_up(self) -> None:
        """The service is closed, as somebody wanted: nobody promised an answer."""
        self._last.clear()

    def open_at(self, slot: Slot, index: int) -> bool:
        return self._clock.monotonic() < self._last.get((slot, index), 0.0) + LONGEST

    def open_to(self, slot: Slot, beyond: int) -> int:
        """How many instances of the slot have requests in flight, but for the first ones."""
        return sum(self.open_at(slot, index) for there, index in self._last if there is slot and index > beyond)
