"""What is judged at once: the counts of both roles over a few clock-aligned seconds, fixed before looking."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from comporta.model.figures import Counts
from comporta.model.values import Value

LONGEST_BLOCK = 30  # seconds
IN_FLIGHT = 3  # seconds after a change of weights that belong to neither the old nor the new ones


class Table(NamedTuple):
    """A 2×2 table: how many of the candidate's and of the stable release's requests had an event."""

    candidate_events: int
    candidate: int
    stable_events: int
    stable: int

    @property
    def events(self) -> int:
        return self.candidate_events + self.stable_events

    @property
    def trials(self) -> int:
        return self.candidate + self.stable

    @property
    def says_nothing(self) -> bool:
        """One of the roles had no requests: there is nothing to compare."""
        return not self.candidate or not self.stable


class Block(Value, frozen=True):
    """A span of seconds and what both roles did in it.

    Attributes:
        start: its id: the clock's whole second at which it began.
        seconds: how long it is.
        share: the share of requests that the candidate was to get, 0 to 1; None where it is not declared.
        sentinel: one stable instance's part of `stable`, to see whether routing is random; None if there is only one.
        values: further configured metrics of the candidate, by name.
        stable_values: the same of stable, where they are compared.
    """

    start: int
    seconds: int
    candidate: Counts = Counts()
    stable: Counts = Counts()
    share: float | None = None
    sentinel: Counts | None = None
    values: dict[str, float] = msgspec.field(default_factory=dict)
    stable_values: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + self.seconds

    @property
    def errors(self) -> Table:
        candidate, stable = self.candidate, self.stable
        return Table(candidate.errors, candidate.requests, stable.errors, stable.requests)

    @property
    def sentinel_errors(self) -> Table | None:
        """The watched stable instance against the other ones."""
        if self.sentinel is None:
            return None
        watched, stable = self.sentinel, self.stable
        return Table(
            watched.errors, watched.requests, stable.errors - watched.errors, stable.requests - watched.requests
        )


def block_seconds(candidate_rate: float, stable_rate: float) -> int:
    """How long a block must be to expect a candidate request and five stable ones; rates in requests a second."""
    if candidate_rate <= 0 or stable_rate <= 0:
        return LONGEST_BLOCK
    return min(LONGEST_BLOCK, math.ceil(max(1 / candidate_rate, 5 / stable_rate)))


def first_start(moment: float, seconds: int) -> int:
    """The start of the first whole block of `seconds` not before `moment`.

    After a change of weights at `moment`, close the block at hand there and go on with
    `first_start(moment + IN_FLIGHT, seconds)`.
    """
    return math.ceil(moment / seconds) * seconds
