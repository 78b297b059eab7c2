"""Deploy a version: lease, observe, resolve, plan, and run the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from comporta.app.context import Context
from comporta.app.deployments import Deployment, opening, releases, unfinished
from comporta.app.leasing import Held, held_lease
from comporta.app.observing import observe, require_untouched
from comporta.app.running import Ended, run_deployment
from comporta.model.errors import ComportaError
from comporta.model.release import Artifact, Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.values import to_json
from comporta.steps.plan import Plan

Strategy = Callable[[EnvironmentSpec, Snapshot, Release], Plan]


@dataclass(frozen=True)
class AlreadyLive:
    """Nothing was done: this very version serves already."""

    version: str
    release: int


class Interrupted(ComportaError):
    """An earlier deployment was cut off and has to be settled first."""

    exit_code = 3


async def deploy(
    ctx: Context, version: str, strategy: Strategy, *, reason: str = "", force: bool = False, wait: float = 0.0
) -> Ended | AlreadyLive:
    """Make a version live.

    Args:
        force: also when the same version serves already.
        wait: seconds to wait for the lease.

    Raises:
        LeaseHeld: somebody else changes this environment.
        Interrupted: an earlier deployment was cut off.
        ArtifactMissing: there is no such version.
    """
    ctx.reporter.stage("take the lease")
    async with held_lease(ctx, wait=wait) as held:
        await require_settled(ctx)
        snapshot = await look(ctx)
        ctx.reporter.stage(f"resolve {version}")
        artifact = await ctx.ports.runtime.resolve(version)
        if not force and (live := already_live(ctx.spec, snapshot, artifact)):
            return live
        release = await find_or_add_release(ctx, held, artifact)
        return await open_and_run(ctx, held, strategy(ctx.spec, snapshot, release), reason)


async def look(ctx: Context) -> Snapshot:
    """Observe, and refuse to go on if the router is not as comporta left it."""
    ctx.reporter.stage("observe the environment")
    snapshot = await observe(ctx)
    require_untouched(snapshot)
    return snapshot


async def open_and_run(ctx: Context, held: Held, plan: Plan, reason: str) -> Ended:
    """Write the plan to the journal, then act on it."""
    number = await ctx.journal.open_deployment(
        at=ctx.ports.clock.now(),
        lease=held.lease,
        actor=ctx.actor,
        data=opening(plan, reason=reason, cursor=await start_counting(ctx)),
    )
    ctx.reporter.planned(number, plan)
    return await run_deployment(ctx, held, number)


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
        raise interrupted(left)


def interrupted(left: Deployment) -> Interrupted:
    return Interrupted(
        f"cannot start: deployment {left.number} ({left.version}) was interrupted",
        next=f"`comporta resume -e {left.environment}` finishes it, `comporta abort -e {left.environment}` undoes it",
    )


def already_live(spec: EnvironmentSpec, snapshot: Snapshot, artifact: Artifact) -> AlreadyLive | None:
    """The live slot runs this artifact with as many instances as the config asks for."""
    live = snapshot.live
    if live is None or live.occupant is None or not live.running or not snapshot.routing.running:
        return None
    if live.occupant.artifact != artifact or live.occupant.instances != spec.instances:
        return None
    return AlreadyLive(version=artifact.version, release=live.occupant.release.number)


async def find_or_add_release(ctx: Context, held: Held, artifact: Artifact) -> Release:
    """The release with this artifact and config, newly numbered if it is the first time."""
    for release in await releases(ctx.journal, ctx.environment):
        if (release.artifact, release.config_digest) == (artifact, ctx.spec.digest):
            return release
    now = ctx.ports.clock.now()
    draft = Release(number=0, artifact=artifact, config_digest=ctx.spec.digest, created_at=now)
    number = await ctx.journal.add_release(at=now, lease=held.lease, actor=ctx.actor, data=to_json(draft))
    return Release(number=number, artifact=artifact, config_digest=ctx.spec.digest, created_at=now)
