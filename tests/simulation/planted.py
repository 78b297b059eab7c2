"""Bugs as somebody might make them, each planted into the real code for a test: does the simulation find them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from comporta.app import leasing
from comporta.app.context import Context
from comporta.engine import machine
from comporta.engine.runner import Runner
from comporta.model.errors import JournalError
from comporta.model.journal import Kind, Lease, Outcome
from comporta.steps import prove_live, shift_traffic
from comporta.steps.back_up_database import BackUpDatabase
from comporta.steps.check_health import CheckHealth
from comporta.steps.keep_warm import KeepWarm
from comporta.steps.plan import Plan
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.step import Effect, Step
from comporta.strategies import blue_green, parts
from comporta.testing.fake_journal import FakeJournal

Plant = Callable[[pytest.MonkeyPatch], None]


def missing_intent(patch: pytest.MonkeyPatch) -> None:
    """A step is begun without saying so first."""
    append = Runner._append

    async def silent(self: Runner, kind: Kind, *, step: int | None = None, data: dict[str, Any]) -> Any:
        if kind is Kind.INTENT:
            return SimpleNamespace(at=self.ports.clock.now())
        return await append(self, kind, step=step, data=data)

    patch.setattr(Runner, "_append", silent)


def acts_unrecorded(patch: pytest.MonkeyPatch) -> None:
    """An intent that cannot be written is no reason to stop."""
    append = Runner._append

    async def undeterred(self: Runner, kind: Kind, *, step: int | None = None, data: dict[str, Any]) -> Any:
        try:
            return await append(self, kind, step=step, data=data)
        except JournalError:
            if kind is not Kind.INTENT:
                raise
            return SimpleNamespace(at=self.ports.clock.now())

    patch.setattr(Runner, "_append", undeterred)


def result_before_effect(patch: pytest.MonkeyPatch) -> None:
    """A step's result is recorded, and only then its effect brought about."""
    attempt = Runner._attempt

    async def hasty(self: Runner, index: int, began: float) -> Any:
        await self._append(Kind.DONE, step=index, data={})
        return await attempt(self, index, began)

    patch.setattr(Runner, "_attempt", hasty)


def resumed_without_a_look(patch: pytest.MonkeyPatch) -> None:
    """A resumed step is simply done again, though its effect is there: one that is not idempotent happens twice."""

    async def absent(self: BackUpDatabase, ports: object) -> Effect:
        return Effect.ABSENT

    patch.setattr(BackUpDatabase, "check", absent)


def resumed_as_new(patch: pytest.MonkeyPatch) -> None:
    """A resumed step is begun anew: its deadline starts again."""
    do = Runner._do

    async def anew(self: Runner, index: int, records: Any, *, resumed: bool) -> None:
        await do(self, index, records, resumed=False)

    patch.setattr(Runner, "_do", anew)


def switch_before_health(patch: pytest.MonkeyPatch) -> None:
    """Users get the release, and then it is asked whether it is well."""
    plan = blue_green.plan

    def hasty(*given: Any) -> Plan:
        made = plan(*given)
        asked = [step for step in made.steps if isinstance(step, CheckHealth)]
        others = [step for step in made.steps if not isinstance(step, CheckHealth)]
        at = next(i for i, step in enumerate(others) if isinstance(step, ShiftTraffic)) + 1
        return _with_steps(made, [*others[:at], *asked, *others[at:]])

    patch.setattr(blue_green, "plan", hasty)


def stopped_before_drained(patch: pytest.MonkeyPatch) -> None:
    """What served before is stopped, and then its requests are waited for."""
    retire = parts.retire

    def hasty(*given: Any, **more: Any) -> list[Any]:
        *first, prove = retire(*given, **more)
        return [*reversed(first), prove]

    patch.setattr(parts, "retire", hasty)


def never_expires(patch: pytest.MonkeyPatch) -> None:
    """What is kept warm has no end."""

    async def do(self: KeepWarm, ports: object, began: float) -> dict[str, Any]:
        return {"warm_until": began + self.seconds}

    patch.setattr(KeepWarm, "do", do)


def weight_stays(patch: pytest.MonkeyPatch) -> None:
    """An aborted canary keeps its share of the users."""
    undo = ShiftTraffic.undo

    async def partly(self: ShiftTraffic, ports: Any) -> Any:
        return {} if self.to.split else await undo(self, ports)

    patch.setattr(ShiftTraffic, "undo", partly)


def proxy_stays_down(patch: pytest.MonkeyPatch) -> None:
    """A proxy that died is not started again on the way back, nor at the end."""

    async def nothing(ports: object) -> None: ...

    for module in (shift_traffic, prove_live):
        patch.setattr(module, "bring_back", nothing)


def foreign_is_overwritten(patch: pytest.MonkeyPatch) -> None:
    """What somebody changed by hand counts as not done yet."""
    check = ShiftTraffic.check

    async def careless(self: ShiftTraffic, ports: Any) -> Effect:
        found = await check(self, ports)
        return Effect.ABSENT if found is Effect.FOREIGN else found

    patch.setattr(ShiftTraffic, "check", careless)


def undone_in_order(patch: pytest.MonkeyPatch) -> None:
    """The first step is undone first."""

    def backward(standing: machine.Standing) -> machine.Action:
        for index, status in enumerate(standing.statuses):
            if status is machine.Status.UNDOING:
                return machine.ResumeUndo(index)
            if status in (machine.Status.DONE, machine.Status.DOING, machine.Status.FAILED):
                return machine.Undo(index)
        return machine.Finish(Outcome.ROLLED_BACK if standing.exposed else Outcome.ABORTED, standing.cause)

    patch.setattr(machine, "_backward", backward)


def forgets_that_it_turned(patch: pytest.MonkeyPatch) -> None:
    """After a crash in the middle of undoing, it goes forward again."""
    patch.setattr(machine, "_turned", lambda standing: False)


def abort_is_overheard(patch: pytest.MonkeyPatch) -> None:
    """A request to abort counts only before users see the release."""
    goes_back = machine.goes_back

    def late(plan: Plan, standing: machine.Standing) -> bool:
        asked_only = machine.Status.FAILED not in standing.statuses and not machine._turned(standing)
        return goes_back(plan, standing) and not (asked_only and standing.exposed)

    patch.setattr(machine, "goes_back", late)


def no_point_of_no_return(patch: pytest.MonkeyPatch) -> None:
    """What was stopped for good is undone all the same."""
    patch.setattr(machine, "past_no_return", lambda plan, standing: False)


def lease_without_fencing(patch: pytest.MonkeyPatch) -> None:
    """Whoever lost the lease can still write."""
    patch.setattr(FakeJournal, "_require", lambda self, lease: None)


def lease_of_the_living(patch: pytest.MonkeyPatch) -> None:
    """Whoever holds the lease is taken for dead."""

    async def acquire(ctx: Context) -> Lease:
        current = await ctx.journal.lease(ctx.environment)
        displacing = current.generation if current else None
        return await ctx.journal.acquire(
            ctx.environment, ctx.host.me(), at=ctx.ports.clock.now(), displacing=displacing
        )

    patch.setattr(leasing, "acquire", acquire)


def lease_is_kept(patch: pytest.MonkeyPatch) -> None:
    """The lease is not given back."""

    async def release(self: FakeJournal, lease: Lease) -> None: ...

    patch.setattr(FakeJournal, "release", release)


def _with_steps(plan: Plan, steps: Sequence[Step]) -> Plan:
    return Plan(
        strategy=plan.strategy,
        environment=plan.environment,
        release=plan.release,
        replaces=plan.replaces,
        slot=plan.slot,
        steps=tuple(steps),  # type: ignore[arg-type]  # they are a plan's
        no_way_back=plan.no_way_back,
    )


BUGS: tuple[Plant, ...] = (
    missing_intent,
    acts_unrecorded,
    result_before_effect,
    resumed_without_a_look,
    resumed_as_new,
    switch_before_health,
    stopped_before_drained,
    never_expires,
    weight_stays,
    proxy_stays_down,
    foreign_is_overwritten,
    undone_in_order,
    forgets_that_it_turned,
    abort_is_overheard,
    no_point_of_no_return,
    lease_without_fencing,
    lease_of_the_living,
    lease_is_kept,
)
