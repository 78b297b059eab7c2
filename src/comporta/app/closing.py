"""In an emergency: a maintenance page for the users while nothing can serve them."""

from __future__ import annotations

import msgspec

from comporta.app.context import Context
from comporta.app.maintenance import maintenance, record_maintenance
from comporta.app.maintenance_page import page as page_with
from comporta.model.errors import Refused, RouterError, UsageError
from comporta.model.release import SlotState
from comporta.model.snapshot import Snapshot
from comporta.steps.groups import task_group
from comporta.steps.health import ask, instance_targets

PAGE_STAYS = "users get the maintenance page still: `comporta maintenance off` takes it down"
WHY = "nothing served when an emergency rollback began"
ANSWER_WITHIN = 1.0
"""Seconds in which an instance that still serves somebody answers."""


async def close_if_nothing_serves(ctx: Context, snapshot: Snapshot) -> str | None:
    """Put the maintenance page up at once, after asking, if no live instance answers.

    Raises:
        Refused: the person said no.

    Returns:
        The page, for the plan that takes it down again; None where something serves, or a person closed the service.
    """
    if up := await maintenance(ctx, up=snapshot.routing.maintenance):
        # An earlier attempt, which did not come to its end, may have left it.
        return _page(ctx) if up.message == WHY else None
    if snapshot.live and await _answers(ctx, snapshot.live):
        return None
    question = f"Nothing answers in {ctx.environment}. Put the maintenance page up, and roll back?"
    if not await ctx.ports.operator.confirm(question):
        raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")
    page = _page(ctx)
    if snapshot.routing.running:
        await _put_up(ctx, page)
    return page


def _page(ctx: Context) -> str:
    """The operator's own; without it, the built-in one: this is no time to mend a file."""
    try:
        return page_with(ctx.spec, "")
    except UsageError as error:
        ctx.reporter.notice(error.message)
        without = msgspec.structs.replace(ctx.spec.maintenance, page=None)
        return page_with(msgspec.structs.replace(ctx.spec, maintenance=without), "")


async def _put_up(ctx: Context, page: str) -> None:
    ctx.reporter.stage("put the maintenance page up")
    # Written first: whoever takes over after a crash must know whose page it is.
    await record_maintenance(ctx, on=True, message=WHY)
    try:
        await ctx.ports.router.maintain(page)
    except RouterError as error:
        # The page is for the users' comfort; what helps them is the release that comes.
        ctx.reporter.notice(error.message)


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
