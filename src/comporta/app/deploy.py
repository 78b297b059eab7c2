"""Deploy a version: lease, observe, resolve, plan, and run the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from comporta.app.approving import approved, require_as_approved
from comporta.app.context import Context
from comporta.app.deployments import Deployment, how_to_settle, opening, releases, unfinished
from comporta.app.leasing import Held, held_lease
from comporta.app.leftovers import tidy
from comporta.app.observing import observe, require_untouched
from comporta.app.preflight import Preflight, ask_all, require_passed
from comporta.app.recovering import require_known
from comporta.app.running import Ended, run_deployment
from comporta.app.schema import Brought, brought
from comporta.model.errors import ComportaError
from comporta.model.journal import Outcome
from comporta.model.release import Artifact, Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.values import to_json
from comporta.steps.plan import Plan

Strategy = Callable[[EnvironmentSpec, Snapshot, Release], Plan]


class AlreadyLive(Struct, frozen=True):
    """Nothing was done: this very release serves already. `why`, where that is not simply so."""

    version: str
    release: int
    why: str = ""


class Interrupted(ComportaError):
    """An earlier deployment was cut off and has to be settled first."""

    exit_code = 3


async def deploy(
    ctx: Context,
    version: str,
    strategy: Strategy,
    *,
    reason: str = "",
    force: bool = False,
    wait: float = 0.0,
    preflight: Preflight | None = None,
    urgent: bool = False,
) -> Ended | AlreadyLive:
    """Make a version live.

    Args:
        force: also when the same release serves already.
        wait: seconds to wait for the lease.
        preflight: how the gates are asked before anything is done; None: they are not.
        urgent: there is no time to wait for anybody's approval.

    Raises:
        PreflightFailed: a gate did not pass.
        NotApproved: the environment wants approvals, and it was rejected, or nobody answered in time.
        LeaseHeld: somebody else changes this environment.
        Interrupted: an earlier deployment was cut off.
        ArtifactMissing: there is no such version.
        MigrationFailed: a migration is not safe while users are served.
    """
    wish = _Wish(ctx, version, strategy, reason, force, wait)
    approvals = ctx.spec.approvals and not urgent
    if preflight is None and not approvals:
        return await wish.carried_out({})
    draft = await wish.draft() if approvals or not (preflight and preflight.skip) else None
    if isinstance(draft, AlreadyLive):
        return draft
    checked = await wish.checked(preflight, draft)
    if draft is None or not approvals:
        return await wish.carried_out(checked)
    facts = opening(draft.plan, reason, None, preflight=checked, traceparent=ctx.traceparent)
    async with approved(ctx, facts, draft.artifact.identity) as request:
        return await wish.carried_out(checked, request)


class _Draft(Struct, frozen=True):
    """What would be done now."""

    snapshot: Snapshot
    artifact: Artifact
    plan: Plan


class _Wish(Struct, frozen=True):
    """What is asked for."""

    ctx: Context
    version: str
    strategy: Strategy
    reason: str
    force: bool
    wait: float

    async def draft(self) -> _Draft | AlreadyLive:
        """Made before gates and people are asked. They are asked without the lease: a rollback must get through."""
        ctx = self.ctx
        ctx.reporter.stage("take the lease, to look only")
        async with held_lease(ctx, wait=self.wait):
            found = await _find(ctx, self.version)
        if not self.force and (live := already_live(found.snapshot, found.known)):
            return live
        database = await brought(ctx, found.snapshot, found.artifact)
        snapshot = structs.replace(found.snapshot, schema=database.schema)
        plan = self.strategy(ctx.spec, snapshot, found.known or draft_release(ctx, found.artifact, database))
        return _Draft(snapshot, found.artifact, plan)

    async def checked(self, preflight: Preflight | None, draft: _Draft | None) -> dict[str, Any]:
        """What the gates say, for the record of the deployment."""
        if preflight is None:
            return {}
        if preflight.skip or draft is None:
            return {"skipped": True, "actor": self.ctx.actor, "reason": self.reason}
        results = await ask_all(self.ctx, preflight, draft.snapshot, draft.plan)
        require_passed(results)
        return {"gates": [to_json(result) for result in results]}

    async def carried_out(self, checked: dict[str, Any], request: Deployment | None = None) -> Ended | AlreadyLive:
        ctx = self.ctx
        ctx.reporter.stage("take the lease")
        async with held_lease(ctx, wait=self.wait) as held:
            found = await _find(ctx, self.version)
            if not self.force and (live := already_live(found.snapshot, found.known)):
                return live
            if request is not None:
                require_as_approved(request, found.snapshot, found.artifact)
            database = await brought(ctx, found.snapshot, found.artifact)
            release = found.known or await add_release(ctx, held, found.artifact, database)
            plan = self.strategy(ctx.spec, structs.replace(found.snapshot, schema=database.schema), release)
            return await open_and_run(ctx, held, plan, self.reason, preflight=checked, request=request)


class _Found(Struct, frozen=True):
    """What there is before a deployment. `known` is the release, if this very one was made before."""

    snapshot: Snapshot
    artifact: Artifact
    known: Release | None


async def _find(ctx: Context, version: str) -> _Found:
    await require_settled(ctx)
    snapshot = await look(ctx)
    ctx.reporter.stage(f"resolve {version}")
    artifact = await ctx.ports.runtime.resolve(version)
    return _Found(snapshot, artifact, await find_release(ctx, artifact))


async def look(ctx: Context) -> Snapshot:
    """Observe, and refuse to go on if the router is not as comporta left it, or the journal does not know what runs."""
    ctx.reporter.stage("observe the environment")
    snapshot = await observe(ctx)
    require_untouched(snapshot)
    await require_known(ctx, snapshot)
    return snapshot


async def open_and_run(
    ctx: Context,
    held: Held,
    plan: Plan,
    reason: str,
    automatic: int | None = None,
    preflight: dict[str, Any] | None = None,
    request: Deployment | None = None,
) -> Ended:
    """Write the plan to the journal, then act on it.

    Args:
        automatic: the deployment that this one answers, where the watch asked for it.
        preflight: what the gates said.
        request: the one that was approved, where approval was wanted.
    """
    cursor = await start_counting(ctx)
    data = opening(
        plan,
        reason,
        cursor,
        await ctx.ports.router.life(),
        automatic=automatic,
        preflight=preflight,
        approval=request.approval if request else None,
        # What a watch does by itself is no part of what started the watch.
        traceparent=ctx.traceparent if automatic is None else "",
    )
    number = await ctx.journal.open_deployment(
        at=ctx.ports.clock.now(),
        lease=held.lease,
        actor=ctx.actor,
        data=data,
        number=request.number if request else None,
    )
    ctx.reporter.planned(number, plan)
    ended = await run_deployment(ctx, held, number)
    if ended.deployment.outcome is Outcome.PROMOTED:
        await tidy(ctx, held)
    return ended


async def start_counting(ctx: Context) -> str | None:
    """A cursor from which the requests of the whole deployment are counted; None if nothing serves yet."""
    try:
        return (await ctx.ports.router.count(None)).cursor
    except ComportaError:
        return None


async def require_settled(ctx: Context) -> None:
    """Refuse to start while an interrupted deployment waits.

    Raises:
        Interrupted: names the deployment and the two commands that settle it.
    """
    left = await unfinished(ctx.journal, ctx.environment)
    if left is not None:
        raise Interrupted(
            f"cannot start: deployment {left.number} ({left.version}) was interrupted",
            next=await how_to_settle(ctx.journal, left.number),
        )


def already_live(snapshot: Snapshot, release: Release | None) -> AlreadyLive | None:
    """The live slot runs this release: this very artifact, and the config as it is now."""
    live = snapshot.live
    if release is None or live is None or live.occupant is None or live.occupant.release != release.ref:
        return None
    if not live.running or not snapshot.routing.running:
        return None
    return AlreadyLive(version=release.artifact.version, release=release.number)


async def find_release(ctx: Context, artifact: Artifact) -> Release | None:
    """The release with this artifact and config, if there was one."""
    known = await releases(ctx.journal, ctx.environment)
    return next((r for r in known if (r.artifact, r.config_digest) == (artifact, ctx.spec.digest)), None)


def draft_release(ctx: Context, artifact: Artifact, database: Brought) -> Release:
    """A release that has no number yet."""
    return Release(
        number=0,
        artifact=artifact,
        config_digest=ctx.spec.digest,
        created_at=ctx.ports.clock.now(),
        schema_revision=database.revision,
        contracts=database.contracts,
    )


async def add_release(ctx: Context, held: Held, artifact: Artifact, database: Brought) -> Release:
    draft = draft_release(ctx, artifact, database)
    number = await ctx.journal.add_release(at=draft.created_at, lease=held.lease, actor=ctx.actor, data=to_json(draft))
    return structs.replace(draft, number=number)
