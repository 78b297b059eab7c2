"""Show what a deployment would do, and change nothing."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, Strategy, already_live, draft_release, find_release, require_settled
from comporta.app.forecasting import forecast_notes
from comporta.app.observing import observe, require_untouched
from comporta.app.schema import brought
from comporta.model.errors import RouterError
from comporta.model.leases import held
from comporta.model.release import Release
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.plan import Plan
from comporta.steps.stop_instances import StopInstances


class Planned(Struct, frozen=True):
    """A plan, and what one should know before following it."""

    plan: Plan
    release: Release
    known: bool
    notes: tuple[str, ...]


async def plan_deployment(ctx: Context, version: str, strategy: Strategy) -> Planned | AlreadyLive:
    """The plan for making a version live. Reads only: no lease, no record, no file.

    Raises:
        LeaseHeld: a deployment is under way.
        Interrupted: an earlier one was cut off. In both cases nobody knows what there will be to start from.
    """
    await _require_quiet(ctx)
    snapshot = await observe(ctx)
    require_untouched(snapshot)
    artifact = await ctx.ports.runtime.resolve(version)
    known = await find_release(ctx, artifact)
    if live := already_live(snapshot, known):
        return live
    database = await brought(ctx, snapshot, artifact)
    release = known or draft_release(ctx, artifact, database)
    plan = strategy(ctx.spec, msgspec.structs.replace(snapshot, schema=database.schema), release)
    return Planned(plan, release, known is not None, tuple(await _notes(ctx, plan)))


async def _require_quiet(ctx: Context) -> None:
    lease = await ctx.journal.lease(ctx.environment)
    if lease is not None and not lease.manual and not ctx.host.why_dead(lease.holder):
        raise held(lease)
    await require_settled(ctx)


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
    if any(isinstance(step, StopInstances) for step in plan.steps):
        notes.append("nothing is kept warm: a rollback starts the earlier release again")
    if lease := await ctx.journal.lease(ctx.environment):
        notes.append(held(lease).message if lease.manual else "a dead process left its lease: it will be taken over")
    return notes
