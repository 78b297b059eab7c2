"""Bringing one deployment to its end under the lease, interruptions and figures included."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from comporta.app.context import Context
from comporta.app.deployments import Deployment, find_deployment
from comporta.app.leasing import Held
from comporta.app.steady_clock import SteadyClock
from comporta.app.vault import vault
from comporta.engine.events import Direction, Moment, StepEvent
from comporta.engine.machine import can_abort
from comporta.engine.runner import Runner
from comporta.model.errors import EXIT_FAILED, EXIT_INCIDENT, EXIT_INTERRUPTED, ComportaError
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.traffic import Slot
from comporta.steps.groups import task_group
from comporta.steps.step import Facts

EXIT_CODES = {
    Outcome.PROMOTED: 0,
    Outcome.ABORTED: EXIT_FAILED,
    Outcome.ROLLED_BACK: EXIT_FAILED,
    Outcome.SUPERSEDED: EXIT_FAILED,
    Outcome.INCIDENT: EXIT_INCIDENT,
}


class Kept(Struct, frozen=True):
    """Instances of a candidate that run on for a look. `until`: when they end by themselves (epoch seconds)."""

    slot: Slot
    addresses: tuple[str, ...]
    until: float


class Ended(Struct, frozen=True):
    """How a deployment ended, which record says what went wrong, if anything did, and what is left to look into.

    `notes`: what a person should know beside that.
    `maintenance`: users get the maintenance page still.
    """

    deployment: Deployment
    failure: Record | None
    interrupted: bool
    kept: Kept | None = None
    notes: tuple[str, ...] = ()
    maintenance: bool = False

    @property
    def exit_code(self) -> int:
        code = EXIT_CODES[self.deployment.outcome or Outcome.INCIDENT]
        return EXIT_INTERRUPTED if self.interrupted and code == EXIT_FAILED else code


async def run_deployment(ctx: Context, held: Held, number: int) -> Ended:
    """Act on the deployment's plan until it has an outcome. An interruption aborts it: what was done is undone."""
    deployment, _, begun = await find_deployment(ctx.journal, number)
    ctx.tell_of(begun[0])

    def tell(event: StepEvent) -> None:
        held.doing = f"deployment {number}, step {event.step.title}"
        _report(ctx, event)
        ctx.listener(event)

    runner = Runner(
        ports=replace(ctx.ports, clock=SteadyClock(ctx.ports.clock), deployment=number, vault=vault(ctx)),
        journal=ctx.journal,
        lease=held.lease,
        deployment=number,
        plan=deployment.plan,
        actor=ctx.actor,
        listener=tell,
        closing=lambda outcome: figures(ctx, number),
    )
    ctx.interruption.undoable = True
    async with task_group() as group:
        group.start_soon(_abort_on_interruption, ctx, number)
        await runner.run()
        group.cancel_scope.cancel()
    ctx.interruption.undoable = False
    ctx.trace(number)
    return await ended_as_recorded(ctx, number, interrupted=bool(ctx.interruption.reason))


async def ended_as_recorded(ctx: Context, number: int, *, interrupted: bool = False) -> Ended:
    """How a deployment ended, whoever ran it."""
    ended, _, records = await find_deployment(ctx.journal, number)
    ctx.tell_of(records[0])
    routing = await ctx.ports.router.observe()
    notes = tuple(left_behind(line) for record in records for line in record.data.get("unreachable", ()))
    for note in notes:
        ctx.reporter.notice(note)
    return Ended(
        ended,
        _failure(records),
        interrupted,
        kept=_kept(ended.plan.slot, records),
        notes=notes,
        maintenance=routing.maintenance,
    )


async def request_abort(ctx: Context, number: int, reason: str) -> bool:
    """Ask the deployment to abort, whoever runs it. False if it is past its point of no return, or over."""
    deployment, standing, _ = await find_deployment(ctx.journal, number)
    if not can_abort(deployment.plan, standing):
        return False
    await ctx.journal.append(
        Kind.ABORT,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        deployment=number,
        data={"reason": reason},
    )
    return True


async def figures(ctx: Context, number: int) -> Facts:
    """How long the switch took, and the requests answered and lost since the deployment began, as far as is known.

    How many were lost is None where the proxy was down in between, as nobody counted then.
    """
    deployment, _, records = await find_deployment(ctx.journal, number)
    switches = [r.data["switch_seconds"] for r in records if r.kind is Kind.DONE and "switch_seconds" in r.data]
    facts: Facts = {"switch_seconds": switches[-1]} if switches else {}
    if deployment.cursor is None:
        return facts
    try:
        total = (await ctx.ports.router.count(deployment.cursor)).total
    except ComportaError:
        return facts
    then, now = deployment.proxy, await ctx.ports.router.life()
    was_down = then is not None and (not then or then != now)
    lost = None if was_down else total.proxy_errors
    return facts | {"requests": total.requests, "app_errors": total.app_errors, "lost": lost}


def _report(ctx: Context, event: StepEvent) -> None:
    undoing = event.direction is Direction.UNDO
    title = event.step.undo_title if undoing else event.step.title
    if not title:
        return
    if event.moment is Moment.BEFORE_INTENT:
        ctx.reporter.step_begins(event.index, title, undoing=undoing, resumed=event.resumed)
    elif event.moment is Moment.AFTER_RESULT:
        ctx.reporter.step_ends(event.index, title, undoing=undoing, facts=event.facts, error=event.error)


async def _abort_on_interruption(ctx: Context, number: int) -> None:
    await ctx.interruption.wait()
    if await request_abort(ctx, number, ctx.interruption.reason):
        ctx.reporter.notice(f"{ctx.interruption.reason}: undoing deployment {number} (again to leave it as it is)")
    else:
        ctx.reporter.notice(f"{ctx.interruption.reason}: too late to undo, finishing deployment {number}")


def _failure(records: list[Record]) -> Record | None:
    """The first record that tells what went wrong."""
    bad = (Kind.FAILED, Kind.FOREIGN, Kind.UNDO_FAILED)
    return next((r for r in records if r.kind in bad), None)


def left_behind(unreachable: str) -> str:
    """`unreachable`: an instance that could not be stopped, and why."""
    return f"left behind: {unreachable}; it gets no requests, and is stopped by itself once its host is back"


def _kept(slot: Slot, records: list[Record]) -> Kept | None:
    data = next((r.data for r in records if r.kind is Kind.UNDONE and "kept_until" in r.data), None)
    return Kept(slot, tuple(data["addresses"]), data["kept_until"]) if data else None
