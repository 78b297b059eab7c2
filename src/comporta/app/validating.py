"""Validate what serves: four phases, each of which can end it; if asked, a failure brings the release before back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive
from comporta.app.deployments import deployments
from comporta.app.observing import observe
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.model.errors import Refused, StepFailed, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.load import Baseline, LoadShape
from comporta.model.release import SlotState
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import ReleaseRef, Slot
from comporta.model.values import from_json, to_json
from comporta.steps.plan import AnyStep
from comporta.strategies import validation

PHASES = ("health", "performance", "features", "load")
LOOK_BACK = 20
"""So many deployments and validations are looked through for a baseline."""


class Phase(Struct, frozen=True):
    """How one phase went. `error` is empty if it passed; `seconds`: how long it took."""

    name: str
    seconds: float
    facts: dict[str, Any]
    error: str = ""
    details: tuple[str, ...] = ()
    next: str = ""


class Validation(Struct, frozen=True):
    """What was found out about a release. `skipped`: phase → why; `ended`: how the rollback ended, if there was one."""

    release: ReleaseRef
    phases: tuple[Phase, ...]
    skipped: dict[str, str]
    ended: Ended | AlreadyLive | None = None

    @property
    def failed(self) -> Phase | None:
        return next((phase for phase in self.phases if phase.error), None)


async def validate(
    ctx: Context, *, only: Collection[str] = (), users: bool = False, roll_back: bool = False
) -> Validation:
    """Run the phases on what serves now, until one fails. No lease is held: a rollback need not wait for it.

    Args:
        only: these phases; empty: all that the config has.
        users: the load phase also where users are served.
        roll_back: bring the last known good release back if a phase fails.

    Raises:
        UsageError: nothing is deployed.
        Refused: another release serves meanwhile, so that nothing is known about either.
    """
    ctx.reporter.stage("observe the environment")
    snapshot = await observe(ctx)
    release = _serving(ctx, snapshot)
    steps, skipped = await _steps(ctx, snapshot, release, users=users)
    phases = await _run(ctx, {name: step for name, step in steps.items() if not only or name in only})
    if _serving(ctx, await observe(ctx)) != release:
        raise Refused(f"cannot validate {release}: another release serves now", next="`comporta validate` again")
    found = Validation(release, phases, {name: why for name, why in skipped.items() if not only or name in only})
    await _record(ctx, found)
    if not found.failed or not roll_back:
        return found
    reason = f"validation failed in phase {found.failed.name}"
    return Validation(release, phases, found.skipped, await rollback(ctx, reason=reason))


def _live(ctx: Context, snapshot: Snapshot) -> SlotState:
    if snapshot.live is None or snapshot.live.occupant is None:
        raise UsageError(f"cannot validate {ctx.environment}: nothing is deployed", next="`comporta deploy VERSION`")
    return snapshot.live


def _serving(ctx: Context, snapshot: Snapshot) -> ReleaseRef:
    occupant = _live(ctx, snapshot).occupant
    assert occupant is not None, "a live slot was asked for"
    return occupant.release


async def _steps(
    ctx: Context, snapshot: Snapshot, release: ReleaseRef, *, users: bool
) -> tuple[dict[str, AnyStep], dict[str, str]]:
    """The step of each phase; and why a phase has none."""
    live, spec = _live(ctx, snapshot), ctx.spec
    slot, instances = live.slot, live.occupant.instances if live.occupant else 0
    against = _warm(snapshot.slot(slot.other))
    baseline = await _baseline(ctx, release) if spec.validate.performance else None
    users = users or bool(spec.validate.load and spec.validate.load.users)
    found = {
        "health": validation.health(spec, slot, instances),
        "performance": validation.performance(spec, slot, against, baseline),
        "features": validation.features(spec, slot),
        "load": validation.capacity(spec, slot, instances) if users else [],
    }
    skipped = {name: "the config has none of it" for name in PHASES if not found[name]}
    if spec.validate.load and not users:
        skipped["load"] = "its instances serve users: --users puts the load on them all the same"
    return {name: steps[0] for name, steps in found.items() if steps}, skipped


def _warm(other: SlotState) -> Slot | None:
    """The slot of the release before, where it runs without users and is none that failed."""
    return other.slot if other.running and other.occupant and not other.occupant.failed else None


async def _run(ctx: Context, steps: dict[str, AnyStep]) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    for number, (name, step) in enumerate(steps.items()):
        ctx.reporter.stage(step.title)
        began = ctx.ports.clock.now()
        try:
            facts = await step.do(ctx.ports, began)
        except StepFailed as error:
            took = ctx.ports.clock.now() - began
            phases.append(Phase(name, took, {}, error.message, error.details, error.next))
        else:
            phases.append(Phase(name, ctx.ports.clock.now() - began, facts))
        done = phases[-1]
        ctx.reporter.step_ends(number, step.title, undoing=False, facts=done.facts, error=done.error)
        if done.error:
            break
    return tuple(phases)


async def _record(ctx: Context, found: Validation) -> None:
    await ctx.journal.append(
        Kind.VALIDATED,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        data={
            "release": to_json(found.release),
            "passed": found.failed is None,
            "phases": [to_json(phase) for phase in found.phases],
            "skipped": found.skipped,
        },
    )


async def _baseline(ctx: Context, release: ReleaseRef) -> Baseline | None:
    """How the release before bore the same load, the last time that it was measured and found good."""
    shape = validation.shape(ctx.spec)
    for record in await ctx.journal.find(environment=ctx.environment, kinds=(Kind.VALIDATED,), limit=LOOK_BACK):
        if record.data["passed"] and from_json(record.data["release"], ReleaseRef).number != release.number:
            for phase in record.data["phases"]:
                if found := _fitting(phase["facts"], shape):
                    return found
    for deployment in await deployments(ctx.journal, ctx.environment, LOOK_BACK):
        if deployment.release != release.number and deployment.outcome is Outcome.PROMOTED:
            for done in await ctx.journal.records(deployment.number):
                if done.kind is Kind.DONE and (found := _fitting(done.data, shape)):
                    return found
    return None


def _fitting(facts: dict[str, Any], shape: LoadShape) -> Baseline | None:
    if "baseline" not in facts:
        return None
    try:
        found = from_json(facts["baseline"], Baseline)
    except msgspec.ValidationError:
        return None  # of an older version of comporta
    return found if found.shape == shape else None
