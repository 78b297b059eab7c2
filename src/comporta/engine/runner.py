"""The thin shell: asks the machine, writes the intent, acts through the step, writes the result."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from msgspec.structs import replace

from comporta.engine import machine
from comporta.engine.events import Direction, Listener, Moment, StepEvent
from comporta.engine.notebook import JournalNotebook
from comporta.model.errors import ComportaError, ForeignChange, JournalError, LeaseLost
from comporta.model.journal import Kind, Lease, Outcome, Record
from comporta.model.leases import lost
from comporta.ports.bundle import Ports
from comporta.ports.journal import Journal
from comporta.steps.groups import task_group
from comporta.steps.plan import Plan
from comporta.steps.step import Effect, Facts, Step

ABORT_LOOK_EVERY = 0.2
"""Seconds between looks for a request to abort that came from elsewhere."""

Closing = Callable[[Outcome], Awaitable[Facts]]
"""Asked at the end for figures to record with the outcome."""


@dataclass
class Runner:
    """Brings one deployment to its end. Calling `run` again after a crash goes on where the journal says."""

    ports: Ports
    journal: Journal
    lease: Lease
    deployment: int
    plan: Plan
    actor: str
    listener: Listener
    closing: Closing

    async def run(self) -> Outcome:
        """Act until the deployment is finished.

        Raises:
            LeaseLost: somebody took over; nothing more was touched.
            JournalError: the journal cannot be written; what was not recorded is found out on the next run.
        """
        while True:
            records = await self.journal.records(self.deployment)
            match machine.next_action(self.plan, records):
                case machine.Do(step):
                    await self._do(step, records, resumed=False)
                case machine.ResumeDo(step):
                    await self._do(step, records, resumed=True)
                case machine.Undo(step):
                    await self._undo(step, resumed=False)
                case machine.ResumeUndo(step):
                    await self._undo(step, resumed=True)
                case machine.Finish(outcome, cause):
                    facts = await self.closing(outcome)
                    await self._append(Kind.FINISHED, data={"outcome": outcome.value, "cause": cause, **facts})
                case machine.Finished(outcome):
                    return outcome

    async def _do(self, index: int, records: list[Record], *, resumed: bool) -> None:
        step = self.plan.steps[index]
        began = machine.fold(self.plan, records).began[index]
        self._tell(Moment.BEFORE_INTENT, Direction.DO, index, resumed=resumed)
        if not resumed:
            began = (await self._append(Kind.INTENT, step=index, data={"title": step.title})).at
        self._tell(Moment.AFTER_INTENT, Direction.DO, index, resumed=resumed)
        assert began is not None, "a resumed step has an intent"
        # A clock that was set back since would have it begin in the future, and wait until then and as long again.
        began = min(began, self.ports.clock.now())
        result = await self._unless_aborted(lambda: self._attempt(index, began))
        if result is None:
            return
        kind, data = result
        self._tell(Moment.AFTER_EFFECT, Direction.DO, index)
        await self._append(kind, step=index, data=data)
        self._tell(Moment.AFTER_RESULT, Direction.DO, index, facts=data, error=str(data.get("message", "")))

    async def _undo(self, index: int, *, resumed: bool) -> None:
        step = self.plan.steps[index]
        self._tell(Moment.BEFORE_INTENT, Direction.UNDO, index, resumed=resumed)
        if not resumed:
            await self._append(Kind.UNDO_INTENT, step=index, data={"title": step.undo_title})
        self._tell(Moment.AFTER_INTENT, Direction.UNDO, index, resumed=resumed)
        kind, data = await self._attempt_undo(index)
        self._tell(Moment.AFTER_EFFECT, Direction.UNDO, index)
        await self._append(kind, step=index, data=data)
        self._tell(Moment.AFTER_RESULT, Direction.UNDO, index, facts=data, error=str(data.get("message", "")))

    async def _attempt(self, index: int, began: float) -> tuple[Kind, Facts]:
        step = self.plan.steps[index]
        try:
            match await step.check(self.ports):
                case Effect.IN_PLACE:
                    return Kind.DONE, {"found": "in place"}
                case Effect.FOREIGN:
                    return Kind.FOREIGN, self._foreign(step)
            await self._require_lease()
            return Kind.DONE, await step.do(self._ports_for(index), began)
        except (LeaseLost, JournalError):
            raise
        except ForeignChange as error:
            return Kind.FOREIGN, describe(error)
        except Exception as error:
            return Kind.FAILED, describe(error)

    async def _attempt_undo(self, index: int) -> tuple[Kind, Facts]:
        step = self.plan.steps[index]
        try:
            if await step.check(self.ports) is Effect.FOREIGN:
                return Kind.FOREIGN, self._foreign(step)
            await self._require_lease()
            return Kind.UNDONE, await step.undo(self._ports_for(index))
        except (LeaseLost, JournalError):
            raise
        except Exception as error:
            return Kind.UNDO_FAILED, describe(error)

    async def _require_lease(self) -> None:
        """Raises LeaseLost: we stood still since our last record, and somebody else has gone on meanwhile."""
        now = await self.journal.lease(self.plan.environment)
        if now is None or now.generation != self.lease.generation:
            raise lost(self.plan.environment, now)

    def _ports_for(self, index: int) -> Ports:
        clock = self.ports.clock
        notebook = JournalNotebook(self.journal, clock, self.lease, self.deployment, index, self.actor)
        return replace(self.ports, notebook=notebook)

    def _foreign(self, step: Step) -> Facts:
        return describe(
            ForeignChange(
                f"cannot {step.title}: somebody else changed what this step is about",
                next=f"look with `comporta status`, put it right, then `comporta abort {self.deployment}`",
            )
        )

    async def _unless_aborted(self, act: Callable[[], Awaitable[tuple[Kind, Facts]]]) -> tuple[Kind, Facts] | None:
        """The result of `act`; None if a request to abort cut it short: its undo finds out how far it got."""
        result: tuple[Kind, Facts] | None = None
        async with task_group() as group:
            group.start_soon(self._cancel_on_abort, group.cancel_scope)
            result = await act()
            group.cancel_scope.cancel()
        return result

    async def _cancel_on_abort(self, scope: anyio.CancelScope) -> None:
        while True:
            standing = machine.fold(self.plan, await self.journal.records(self.deployment))
            if standing.abort is not None and not machine.past_no_return(self.plan, standing):
                scope.cancel()
                return
            await self.ports.clock.sleep(ABORT_LOOK_EVERY)

    async def _append(self, kind: Kind, *, step: int | None = None, data: dict[str, Any]) -> Record:
        return await self.journal.append(
            kind,
            at=self.ports.clock.now(),
            environment=self.plan.environment,
            actor=self.actor,
            lease=self.lease,
            deployment=self.deployment,
            step=step,
            data=data,
        )

    def _tell(
        self,
        moment: Moment,
        direction: Direction,
        index: int,
        *,
        facts: Facts | None = None,
        error: str = "",
        resumed: bool = False,
    ) -> None:
        step = self.plan.steps[index]
        self.listener(StepEvent(moment, direction, index, step, facts or {}, error, resumed))


def describe(error: Exception) -> Facts:
    """An error as it is written to the journal."""
    if isinstance(error, ComportaError):
        facts: Facts = {"error": type(error).__name__, "message": error.message}
        return (
            facts
            | ({"details": list(error.details)} if error.details else {})
            | ({"next": error.next} if error.next else {})
        )
    if isinstance(error, OSError) and error.errno is not None:
        # The machine said no, as on a full disk: where in our code it did so helps nobody.
        where = f"{error.filename}: " if error.filename else ""
        return {
            "error": type(error).__name__,
            "message": f"cannot finish the step: {where}{error.strerror}",
            "next": "`comporta doctor` looks for the reason",
        }
    lines = traceback.format_exception(error)
    return {
        "error": type(error).__name__,
        "message": f"cannot finish the step: {type(error).__name__}: {error}",
        "details": "".join(lines).splitlines()[-20:],
    }
