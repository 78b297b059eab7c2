"""Show what a deployment would do, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, Strategy, already_live
from comporta.app.deployments import releases, unfinished
from comporta.app.forecasting import forecast_notes
from comporta.app.observing import observe, require_untouched
from comporta.model.errors import RouterError
from comporta.model.release import Artifact, Release
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.plan import Plan


@dataclass(frozen=True)
class Planned:
    """A plan, and what one should know before following it."""

    plan: Plan
    release: Release
    known: bool
    notes: tuple[str, ...]


async def plan_deployment(ctx: Context, version: str, strategy: Strategy) -> Planned | AlreadyLive:
    """The plan for making a version live. Reads only: no lease, no record, no file."""
    snapshot = await observe(ctx)
    require_untouched(snapshot)
    artifact = await ctx.ports.runtime.resolve(version)
    if live := already_live(ctx.spec, snapshot, artifact):
        return live
    release, known = await _release(ctx, artifact)
    plan = strategy(ctx.spec, snapshot, release)
    return Planned(plan, release, known, tuple(await _notes(ctx, plan)))


async def _release(ctx: Context, artifact: Artifact) -> tuple[Release, bool]:
    for release in await releases(ctx.journal, ctx.environment):
        if (release.artifact, release.config_digest) == (artifact, ctx.spec.digest):
            return release, True
    return Release(number=0, artifact=artifact, config_digest=ctx.spec.digest, created_at=ctx.ports.clock.now()), False


async def _notes(ctx: Context, plan: Plan) -> list[str]:
    notes = []
    current = await ctx.ports.router.observe()
    for step in plan.steps:
        if isinstance(step, ConfigureRouter):
            try:
                note = ctx.ports.router.reload_note(step.to, current)
            except RouterError as error:
                note = error.message
            notes += [note] if note else []
    notes += await forecast_notes(ctx, plan)
    if left := await unfinished(ctx.journal, ctx.environment):
        notes.append(f"deployment {left.number} was interrupted: `comporta resume` or `comporta abort` first")
    if lease := await ctx.journal.lease(ctx.environment):
        notes.append(f"the environment is locked by {lease.holder.actor} (process {lease.holder.pid})")
    return notes
