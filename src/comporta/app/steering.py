"""Steer a canary that another process runs: let it go on, make it wait, let it go on waiting no longer."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.app.deployments import Deployment, find_deployment, unfinished
from comporta.model.errors import UsageError
from comporta.model.journal import Kind
from comporta.steps.judge_traffic import JudgeTraffic


async def promote(ctx: Context) -> Deployment:
    """Let the canary go on to its next stage without waiting for a verdict. One that fails is aborted all the same.

    Raises:
        UsageError: no canary waits for a verdict.
    """
    return await _ask(ctx, Kind.PROMOTE, "promote")


async def pause(ctx: Context) -> Deployment:
    """Keep the canary at its stage until `comporta resume`, whatever the evidence. One that fails is aborted still.

    Raises:
        UsageError: no canary waits for a verdict.
    """
    return await _ask(ctx, Kind.PAUSE, "pause")


async def go_on(ctx: Context) -> Deployment | None:
    """End the pause of a canary that runs elsewhere; None if none is paused."""
    found = await _judging(ctx)
    if found is None or not await _runs(ctx) or not await _paused(ctx, found):
        return None
    await _append(ctx, Kind.CONTINUE, found)
    return found


async def _ask(ctx: Context, kind: Kind, verb: str) -> Deployment:
    found = await _judging(ctx)
    if found is None:
        raise UsageError(f"cannot {verb}: no canary waits for a verdict", next="`comporta status` shows what happens")
    if not await _runs(ctx):
        raise UsageError(
            f"cannot {verb} deployment {found.number}: it was interrupted",
            next="`comporta resume` goes on with it, `comporta abort` undoes it",
        )
    await _append(ctx, kind, found)
    return found


async def _judging(ctx: Context) -> Deployment | None:
    """The deployment that waits for a verdict now."""
    left = await unfinished(ctx.journal, ctx.environment)
    if left is None:
        return None
    deployment, standing, _ = await find_deployment(ctx.journal, left.number)
    current = standing.current
    return deployment if current is not None and isinstance(deployment.plan.steps[current], JudgeTraffic) else None


async def _runs(ctx: Context) -> bool:
    lease = await ctx.journal.lease(ctx.environment)
    return lease is not None and not lease.manual and not ctx.host.why_dead(lease.holder)


async def _paused(ctx: Context, deployment: Deployment) -> bool:
    steering = (Kind.PAUSE, Kind.CONTINUE, Kind.INTENT)
    records = [r for r in await ctx.journal.records(deployment.number) if r.kind in steering]
    return bool(records) and records[-1].kind is Kind.PAUSE


async def _append(ctx: Context, kind: Kind, deployment: Deployment) -> None:
    await ctx.journal.append(
        kind,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        deployment=deployment.number,
    )
