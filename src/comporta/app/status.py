"""What serves now, who holds the lease, and what was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from comporta.analysis.alerting import Crossing
from comporta.app.approving import waiting
from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments, find_deployment, how_to_settle
from comporta.app.history import Wanted, history
from comporta.app.maintenance import Maintenance, maintenance
from comporta.app.notifying import Undelivered, undelivered
from comporta.app.observing import observe
from comporta.app.recovering import require_known
from comporta.app.watched import alerts_up, is_watched
from comporta.engine.machine import can_abort
from comporta.model.errors import JournalDamaged
from comporta.model.journal import Lease, Outcome
from comporta.model.snapshot import Snapshot

if TYPE_CHECKING:
    from comporta.app.judgement import Judged


class Status(Struct, frozen=True):
    """One look at an environment.

    Attributes:
        latest: the newest deployment, running, interrupted or ended.
        waiting: deployments that wait for an approval.
        lease: who may change the environment now, if anybody.
        lease_dead: why that holder is certainly dead; empty if it is not.
        maintenance: the maintenance page, while users get it.
        judged: how the comparison stands, while a canary is under way.
        watched: a watch has counted something in the last seconds; None: nobody asked for one.
        alerts: those that are up.
        undelivered: messages that did not reach their receivers.
    """

    snapshot: Snapshot
    latest: Deployment | None
    waiting: list[Deployment]
    lease: Lease | None
    lease_dead: str
    address: str
    maintenance: Maintenance | None
    judged: Judged | None
    watched: bool | None
    alerts: list[Crossing]
    undelivered: Undelivered
    next: str
    """What to do about it; empty if all is well."""

    @property
    def interrupted(self) -> Deployment | None:
        """The newest deployment, if it has no outcome and nobody alive works on it."""
        running = self.lease is not None and not self.lease_dead and not self.lease.manual
        return self.latest if self.latest and self.latest.outcome is None and not running else None


async def status(ctx: Context) -> Status:
    lease = await ctx.journal.lease(ctx.environment)
    latest = await deployments(ctx.journal, ctx.environment, limit=1)
    snapshot = await observe(ctx)
    seen = Status(
        snapshot=snapshot,
        latest=latest[0] if latest else None,
        waiting=await waiting(ctx),
        lease=lease,
        lease_dead=ctx.host.why_dead(lease.holder) if lease and not lease.manual else "",
        address=_address(ctx, snapshot),
        maintenance=await maintenance(ctx, up=snapshot.routing.maintenance),
        judged=await _judged(ctx, latest[0]) if latest and latest[0].outcome is None else None,
        watched=await is_watched(ctx) if ctx.spec.monitoring == "enabled" else None,
        alerts=await alerts_up(ctx),
        undelivered=await undelivered(ctx),
        next="",
    )
    return replace(seen, next=await _next(ctx, seen))


async def _judged(ctx: Context, deployment: Deployment) -> Judged | None:
    from comporta.app import judgement  # where none is under way, nothing of judging is needed

    return await judgement.latest(ctx.journal, deployment)


def _address(ctx: Context, snapshot: Snapshot) -> str:
    """Where the router serves now: the config may say another address since."""
    topology = snapshot.routing.topology
    return topology.listen if topology and topology.listen != ctx.spec.listen else ctx.ports.router.address


async def _next(ctx: Context, seen: Status) -> str:
    try:
        await require_known(ctx, seen.snapshot)
    except JournalDamaged as error:
        return f"{error.message}; {error.next}"
    if seen.interrupted is not None:
        return await how_to_settle(ctx.journal, seen.interrupted.number)
    latest = seen.latest
    if latest is None or latest.outcome is None:
        return ""
    if latest.outcome is Outcome.INCIDENT:
        return await _settle_incident(ctx, latest.number)
    if seen.snapshot.routing.tampered:
        return ""
    return await _bring_back(ctx, seen.snapshot)


async def _settle_incident(ctx: Context, number: int) -> str:
    deployment, standing, _ = await find_deployment(ctx.journal, number)
    if can_abort(deployment.plan, standing):
        return f"`comporta show {number}` says why; put it right, then `comporta abort {number}`"
    return f"`comporta show {number}` says why; there is no way back: deploy, or roll back, once it is put right"


async def _bring_back(ctx: Context, snapshot: Snapshot) -> str:
    """After a reboot, or after `down`, one command brings back what was live."""
    live = snapshot.live
    if live is not None and live.running and snapshot.routing.running:
        return ""
    if live is not None and live.occupant is not None:
        return f"`comporta deploy {live.occupant.release.version}` brings it back"
    promoted = await history(ctx, Wanted(ctx.environment, outcomes=(Outcome.PROMOTED,)), limit=1)
    return f"`comporta deploy {promoted[0].version}` brings back what served last" if promoted else ""
