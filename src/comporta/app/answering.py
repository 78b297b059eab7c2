"""What the watch does about a release that met a trigger: take it back, or say why that would be wrong."""

from __future__ import annotations

from msgspec import Struct

from comporta.analysis.triggers import ENOUGH, NAMES, ratio_of, shown, value_of
from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive
from comporta.app.deployments import Deployment
from comporta.app.health import ask_targets
from comporta.app.observing import observe
from comporta.app.rollback import require_unanswered, rollback
from comporta.model.errors import ComportaError
from comporta.model.journal import Outcome
from comporta.model.spec import Trigger
from comporta.model.traffic import ReleaseRef
from comporta.steps.health import instance_targets


class Answer(Struct, frozen=True):
    """`reason`: why the trigger is met, in words; `promoted`: what brought the release live."""

    trigger: Trigger
    reason: str
    promoted: Deployment


async def answer(ctx: Context, asked: Answer) -> str:
    """Roll back, at most once for each deployment. Why not, if not; else empty."""
    if ctx.spec.monitoring != "enabled":
        return f"monitoring is {ctx.spec.monitoring}"
    try:
        await require_unanswered(ctx, asked.promoted.number)
        if no_cure := await _no_cure(ctx, asked):
            return no_cure
        ended = await rollback(ctx, reason=f"AUTO: {asked.reason}", emergency=True, automatic=asked.promoted.number)
    except ComportaError as error:
        return error.message
    if isinstance(ended, AlreadyLive) or ended.deployment.outcome is Outcome.PROMOTED:
        return ""
    return f"the rollback ended {ended.deployment.outcome} ({ended.deployment.cause}); a person is needed"


async def _no_cure(ctx: Context, asked: Answer) -> str:
    """Why going back would change nothing: the release before was, or is, no better."""
    before = asked.promoted.plan.replaces
    if before is None:
        return "there is no release before it"
    trigger, began = asked.trigger, asked.promoted.started
    record = await ctx.series.total(began - trigger.seconds, began, before.number)
    value = value_of(trigger.measure, record)
    if value is not None and value > trigger.limit and ratio_of(trigger.measure, record)[1] >= ENOUGH:
        return f"{before} was no better before it, with {NAMES[trigger.measure]} {shown(trigger.measure, value)}"
    failing = await _failing_warm(ctx, before)
    return f"{before} is still up and fails too ({failing}): that is an outage of both" if failing else ""


async def _failing_warm(ctx: Context, before: ReleaseRef) -> str:
    """The check that the release before fails now, where it is still up; else empty."""
    snapshot = await observe(ctx)
    live = snapshot.routing.traffic.live
    other = snapshot.slot(live.other) if live else None
    if other is None or other.occupant is None or other.occupant.release != before or not other.running:
        return ""
    results = await ask_targets(ctx, instance_targets(other.slot, other.occupant.instances, ctx.spec.domain, ctx.ports))
    failing = (f"{name}: {check}" for name, checks in results.items() for check, r in checks.items() if not r.passed)
    return next(failing, "")
