"""Settle a deployment that was cut off, or stop one that runs: resume it forward, or abort it backward."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments, find_deployment, unfinished
from comporta.app.leasing import Vigil, end_silent, held_lease, past_silence
from comporta.app.running import Ended, ended_as_recorded, request_abort, run_deployment
from comporta.model.errors import UsageError
from comporta.model.journal import Lease, Outcome

LOOK_EVERY = 0.2


async def resume(ctx: Context) -> Ended:
    """Go on with the interrupted deployment from where the journal says it was.

    Raises:
        UsageError: nothing was interrupted.
    """
    async with held_lease(ctx) as held:
        left = await unfinished(ctx.journal, ctx.environment)
        if left is None:
            raise UsageError("cannot resume: nothing was interrupted", next="`comporta status` shows what serves")
        ctx.reporter.planned(left.number, left.plan)
        return await run_deployment(ctx, held, left.number)


async def abort(ctx: Context, number: int | None, *, reason: str = "") -> Ended:
    """Stop a deployment and undo what it did: in another process, after a crash, or once more after an incident.

    Raises:
        UsageError: there is nothing to abort, or it is past its point of no return.
    """
    target = await _target(ctx, number)
    reason = reason or f"by {ctx.actor}"
    if not await past_silence(ctx, lambda: request_abort(ctx, target.number, reason)):
        raise UsageError(
            f"cannot abort deployment {target.number}: it is past its point of no return",
            next="`comporta resume` finishes it if it was interrupted; `comporta rollback` goes back",
        )
    lease = await ctx.journal.lease(ctx.environment)
    if lease is not None and not ctx.host.why_dead(lease.holder) and not lease.manual:
        return await _wait_for(ctx, target.number, lease)
    async with held_lease(ctx) as held:
        ctx.reporter.planned(target.number, target.plan)
        return await run_deployment(ctx, held, target.number)


async def _target(ctx: Context, number: int | None) -> Deployment:
    if number is not None:
        found, _, _ = await find_deployment(ctx.journal, number)
    else:
        latest = await deployments(ctx.journal, ctx.environment, limit=1)
        if not latest:
            raise UsageError("cannot abort: nothing was ever deployed", next="`comporta status` shows what serves")
        found = latest[0]
    if found.requested and found.outcome is None:
        raise UsageError(
            f"cannot abort deployment {found.number}: it waits for an approval, and nothing was begun",
            next=f"`comporta reject {found.number} --reason WHY` has it given up",
        )
    if found.outcome not in (None, Outcome.INCIDENT):
        raise UsageError(
            f"cannot abort deployment {found.number}: it ended {found.outcome}",
            next="`comporta rollback` brings the release before back",
        )
    return found


async def _wait_for(ctx: Context, number: int, lease: Lease) -> Ended:
    """The process that runs it does the undoing; watch until it is done, or until that process dies or is silent."""
    ctx.reporter.notice(f"asked process {lease.holder.pid} to abort deployment {number}")
    vigil = Vigil(ctx)
    while True:
        found, _, _ = await find_deployment(ctx.journal, number)
        if found.outcome is not None:
            return await ended_as_recorded(ctx, number)
        if silent := await vigil.silent():
            end_silent(ctx, silent)
        if ctx.host.why_dead(lease.holder):
            async with held_lease(ctx) as held:
                return await run_deployment(ctx, held, number)
        await ctx.ports.clock.sleep(LOOK_EVERY)
