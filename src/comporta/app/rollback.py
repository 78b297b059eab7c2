"""Bring an earlier release back: from its warm slot at once, or by starting it afresh."""

from __future__ import annotations

from dataclasses import dataclass

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, look, open_and_run, require_settled
from comporta.app.deployments import deployments, lineage, releases
from comporta.app.leasing import held_lease
from comporta.app.running import Ended
from comporta.model.errors import Refused, UsageError
from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.strategies import rollback as strategy


@dataclass(frozen=True)
class Target:
    """Where a rollback goes, and why there. `warm`: its instances are still up."""

    release: Release
    why: str
    warm: bool


async def rollback(
    ctx: Context,
    *,
    to: str | None = None,
    reason: str = "",
    wait: float = 0.0,
    emergency: bool = False,
    automatic: int | None = None,
) -> Ended | AlreadyLive:
    """Make an earlier release live again, after saying which and why, and asking.

    Args:
        to: its version; None means the one that served before the present one.

    Raises:
        UsageError: there is no such release to go back to.
        Refused: the person said no.
    """
    ctx.reporter.stage("take the lease")
    async with held_lease(ctx, wait=wait) as held:
        await require_settled(ctx)
        snapshot = await look(ctx)
        live = snapshot.live
        target = await choose(ctx, snapshot, to)
        if live and live.occupant and live.running and live.occupant.release == target.release.ref:
            return AlreadyLive(target.release.artifact.version, target.release.number)
        if not target.warm:
            await ctx.ports.runtime.verify(target.release.artifact)
        how = "it is still warm" if target.warm else "it will be started again"
        if not await ctx.ports.operator.confirm(f"Roll back to {target.release.ref}? It is {target.why}; {how}."):
            raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")
        return await open_and_run(ctx, held, strategy.plan(ctx.spec, snapshot, target.release), reason, automatic)


async def choose(ctx: Context, snapshot: Snapshot, to: str | None) -> Target:
    """The release to go back to.

    Raises:
        UsageError: nothing served before, or no release has this version; the known ones are listed.
    """
    known = await releases(ctx.journal, ctx.environment)
    if to is not None:
        release = next((r for r in known if r.artifact.version == to), None)
        if release is None:
            raise UsageError(
                f"cannot roll back to {to}: it was never a release of {ctx.environment}",
                next=f"known releases: {_versions(known)}",
            )
        return Target(release, "the release you asked for", strategy.is_warm(snapshot, release))
    line = lineage(await deployments(ctx.journal, ctx.environment))
    if len(line) < 2:
        raise UsageError(
            "cannot roll back: there is no release to go back to that served and was not rolled back itself",
            next=f"`comporta rollback --to VERSION` chooses any of: {_versions(known)}",
        )
    release = next(r for r in known if r.number == line[-2])
    return Target(release, "the release that served before", strategy.is_warm(snapshot, release))


def _versions(known: list[Release]) -> str:
    return ", ".join(dict.fromkeys(r.artifact.version for r in known)) or "none yet"
