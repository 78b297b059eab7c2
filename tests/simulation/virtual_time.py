"""Virtual time: nobody ever waits for it. Whoever sleeps is woken as soon as nobody else has anything to do."""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

import trio
from trio._core import _run as trio_run

T = TypeVar("T")

PATIENCE = 5000
"""Real milliseconds until it is certain that all wait for one another."""


class Everlasting(BaseException):
    """It never comes to an end: all wait for one another, or somebody goes round in circles."""


class Jumping(trio.abc.Clock):
    """The clock of one run of trio. It jumps to the next deadline instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, trio.lowlevel.Task]] = []
        self._order = count()
        self._idle = 0

    def start_clock(self) -> None: ...

    def current_time(self) -> float:
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Called once nobody is runnable. Sleepers are woken here: a deadline of trio's own costs thrice as much."""
        soonest = self._sleepers[0][0] if self._sleepers else math.inf
        if min(soonest, deadline) == math.inf:
            # What trio itself waits for at the end of a run comes through a socket, soon.
            self._idle += 1
            if self._idle > PATIENCE:
                raise Everlasting
            return 0.001
        self._idle = 0
        self._now = max(self._now, min(soonest, deadline))
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, task = heapq.heappop(self._sleepers)
            trio.lowlevel.reschedule(task)
        return 0.0

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await trio.lowlevel.checkpoint()
            return
        entry = (self._now + seconds, next(self._order), trio.lowlevel.current_task())
        heapq.heappush(self._sleepers, entry)

        def cancelled(_: object) -> trio.lowlevel.Abort:
            self._sleepers.remove(entry)
            heapq.heapify(self._sleepers)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(cancelled)


class SimulatedClock:
    """Implements the Clock port on virtual time, which goes on over several runs of the event loop."""

    def __init__(self) -> None:
        self.before = 1_000_000.0
        self.set_by = 0.0
        """How far somebody set the clock, in seconds."""
        self._running: Jumping | None = None

    def now(self) -> float:
        return self.monotonic() + self.set_by

    def monotonic(self) -> float:
        return self.before + (self._running.current_time() if self._running else 0.0)

    async def sleep(self, seconds: float) -> None:
        assert self._running is not None, "nobody sleeps outside of a run"
        await self._running.sleep(seconds)

    def run(self, main: Callable[[], Awaitable[T]], *, seed: object = None) -> T:
        """Run to the end. Who is first among equals is the same in every run with the same seed."""
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True
        trio_run._r.seed(repr(seed))
        self._running = Jumping()
        try:
            return trio.run(main, clock=self._running)
        finally:
            self.before, self._running = self.monotonic(), None


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")
