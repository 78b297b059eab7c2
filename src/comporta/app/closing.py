"""In an emergency: a maintenance page for the users while nothing can serve them."""

from __future__ import annotations

import msgspec

from comporta.app.context import Context
from comporta.app.leasing import Held
from comporta.app.running import Ended
from comporta.model.errors import Refused, RouterError
from comporta.model.journal import Kind, Outcome
from comporta.model.release import SlotState
from comporta.model.snapshot import Snapshot
from comporta.steps.groups import task_group
from comporta.steps.health import ask, instance_targets

PAGE = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>\n"
PAGE_STAYS = "the maintenance page stays up: `comporta maintenance off` takes it down"
ANSWER_WITHIN = 1.0
"""Seconds in which an instance that still serves somebody answers."""


async def close_if_nothing_serves(ctx: Context, held: Held, snapshot: Snapshot) -> str | None:
    """Put the maintenance page up at once, after asking, if no live instance answers.

    Raises:
        Refused: the person said no.

    Returns:
        The page, for the plan that takes it down again; None where something serves, or a person closed the service.
    """
    if snapshot.routing.maintenance or (snapshot.live and await _answers(ctx, snapshot.live)):
        return None
    question = f"Nothing answers in {ctx.environment}. Put the maintenance page up, and roll back?"
    if not await ctx.ports.operator.confirm(question):
        raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")
    if snapshot.routing.running:
        await _put_up(ctx, held)
    return PAGE


async def reopened(ctx: Context, held: Held, ended: Ended) -> None:
    """Say what became of the page."""
    if ended.deployment.outcome is Outcome.PROMOTED:
        await _record(ctx, held, on=False)
    else:
        ctx.reporter.notice(PAGE_STAYS)


async def _put_up(ctx: Context, held: Held) -> None:
    ctx.reporter.stage("put the maintenance page up")
    try:
        await ctx.ports.router.maintain(PAGE)
    except RouterError as error:
        # The page is for the users' comfort; what helps them is the release that comes.
        ctx.reporter.notice(error.message)
    else:
        await _record(ctx, held, on=True)


async def _record(ctx: Context, held: Held, *, on: bool) -> None:
    await ctx.journal.append(
        Kind.MAINTENANCE,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=held.lease,
        data={"on": on, "message": "nothing served" if on else ""},
    )


async def _answers(ctx: Context, live: SlotState) -> bool:
    """Some instance passes the liveness check, whatever its runtime says of it."""
    count = live.occupant.instances if live.occupant else 0
    check = msgspec.structs.replace(ctx.spec.health.liveness[0], timeout=ANSWER_WITHIN)
    found = False

    async def one(index: int) -> None:
        nonlocal found
        if (await ask(check, targets[index], ctx.ports)).passed:
            found = True
            group.cancel_scope.cancel()

    targets = instance_targets(live.slot, count, ctx.spec.domain, ctx.ports)
    async with task_group() as group:
        for index in range(len(targets)):
            group.start_soon(one, index)
    return found
