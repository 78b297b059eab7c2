"""What every use case works with, put together by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import anyio
from msgspec import Struct

from comporta.engine.events import ignore
from comporta.ports.operator import Operator

if TYPE_CHECKING:  # a command that only reads needs no steps
    from comporta.engine.events import Listener
    from comporta.model.journal import Record
    from comporta.model.spec import EnvironmentSpec
    from comporta.ports.bundle import Ports
    from comporta.ports.host import Host
    from comporta.ports.journal import Journal
    from comporta.ports.notifier import Receiver
    from comporta.ports.outbox import Outbox
    from comporta.ports.series import Series
    from comporta.steps.plan import Plan
    from comporta.steps.step import Facts


class Reporter(Protocol):
    """Whoever wants to see what happens, while it happens."""

    def stage(self, title: str) -> None:
        """Something before the plan is under way: taking the lease, observing, resolving."""

    def notice(self, text: str) -> None:
        """Something a person should know: a lease taken over, an interruption."""

    def planned(self, deployment: int, plan: Plan) -> None: ...

    def step_begins(self, index: int, title: str, *, undoing: bool, resumed: bool) -> None: ...

    def step_ends(self, index: int, title: str, *, undoing: bool, facts: Facts, error: str) -> None:
        """`error` is empty when the step reached what it promises."""


class Front(Reporter, Operator, Protocol):
    """Who is told and asked: a person at a terminal, or a log."""


class Interruption:
    """The wish of the person at the terminal to stop (Ctrl-C, SIGTERM).

    `undoable` is true while a deployment runs that will undo itself when it is interrupted; otherwise the use case
    has changed nothing yet and can simply be cancelled.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.undoable = False
        self._event: anyio.Event | None = None

    def set(self, reason: str) -> None:
        self.reason = reason
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        # Made on first use: an anyio event belongs to the loop that runs.
        self._event = self._event or anyio.Event()
        if not self.reason:
            await self._event.wait()


class Alerts(Struct, frozen=True):
    """Who is told what happens, and how that is done without waiting for it.

    Attributes:
        redact: takes secrets out of a text.
        wake: sees to it that somebody delivers what there is to tell from this record on. Returns at once, and never
            fails.
    """

    receivers: tuple[Receiver, ...]
    outbox: Outbox
    redact: Callable[[str], str]
    wake: Callable[[Record], None]


class Context(Struct, frozen=True):
    """One environment of one service, with everything that is needed to change it.

    `alerts` is None where nobody is to be told anything. `trace` has the trace of a deployment that ended sent where
    somebody wants it; it returns at once, and never fails. `traceparent`: the ids of the trace and of the span under
    which this process acts, in hexadecimal, with a dash between; empty: it has none.
    """

    spec: EnvironmentSpec
    ports: Ports
    journal: Journal
    series: Series
    host: Host
    reporter: Reporter
    interruption: Interruption
    listener: Listener = ignore
    alerts: Alerts | None = None
    trace: Callable[[int], None] = lambda deployment: None
    traceparent: str = ""

    @property
    def environment(self) -> str:
        return self.spec.environment

    @property
    def actor(self) -> str:
        return self.host.me().actor

    def tell_of(self, record: Record) -> None:
        """Have receivers told of this record and of what came after it, by somebody else."""
        if self.alerts is not None:
            self.alerts.wake(record)
