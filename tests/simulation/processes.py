"""The processes of the simulated world: what each sees of the journal, who it is, and what goes wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from comporta.model.errors import JournalError
from comporta.model.journal import Holder
from comporta.steps.plan import Plan
from comporta.testing.fake_journal import FakeJournal
from simulation.virtual_time import Everlasting, SimulatedClock

ENOUGH = 20_000
"""Calls of the journal after which a command will never come to an end."""
WRITES = {"acquire", "heartbeat", "release", "append", "open_deployment", "request_deployment", "add_release"}


class Crash(BaseException):
    """The process is gone, as with kill -9: nothing of it runs any more."""


@dataclass(frozen=True)
class Fault:
    """At the `at`-th opportunity (a verb's before or after, or a moment of a step), `kind` happens."""

    kind: str
    at: int


class ProcessJournal:
    """The journal as one process sees it: once the process is dead, it writes nothing more; while it is frozen, each
    of its calls waits until it goes on; so many of its writes are refused, as on a full disk."""

    def __init__(self, journal: FakeJournal, clock: SimulatedClock) -> None:
        self._journal = journal
        self._clock = clock
        self.dead = False
        self.frozen_until = 0.0
        self.refused = 0.0
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise Crash
        self._calls += 1
        if self._calls > ENOUGH:
            raise Everlasting
        there = getattr(self._journal, name)
        if self.refused and name in WRITES:
            self.refused -= 1
            there = _refused
        return partial(self._thawed, there) if self.frozen_until else there

    async def _thawed(self, verb: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        await self._clock.sleep(max(0.0, self.frozen_until - self._clock.now()))
        return await verb(*args, **kwargs)


async def _refused(*args: Any, **kwargs: Any) -> Any:
    raise JournalError("cannot use the journal: simulated: no space left on device")


class People:
    """Operator and reporter: always says yes, reads nothing."""

    async def confirm(self, question: str) -> bool:
        return True

    async def overrule(self, question: str) -> bool:
        return False

    async def insist(self, question: str) -> bool:
        return True

    def note(self, text: str) -> None: ...
    def verdict(self, verdict: Any, *, share: float, state: str) -> None: ...
    def stage(self, title: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def planned(self, deployment: int, plan: Plan) -> None: ...
    def step_begins(self, index: int, title: str, *, undoing: bool, resumed: bool) -> None: ...
    def step_ends(self, index: int, title: str, *, undoing: bool, facts: dict[str, Any], error: str) -> None: ...


@dataclass
class SimulatedHost:
    """A process with a number; it is dead once it is not among the living."""

    pid: int
    living: set[int]

    def me(self) -> Holder:
        return Holder(host="sim", boot_id="1", pid=self.pid, started=float(self.pid), actor=f"operator-{self.pid}")

    def why_dead(self, holder: Holder) -> str:
        return "" if holder.pid in self.living else f"process {holder.pid} has ended"

    def end(self, holder: Holder) -> str:
        self.living.discard(holder.pid)
        return ""


@dataclass
class Process:
    """One command that runs, and what goes wrong with it. `chances`: how many opportunities there were so far."""

    journal: ProcessJournal
    host: SimulatedHost
    fault: Fault | None = None
    chances: int = 0


CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)
"""Whose task runs now."""
