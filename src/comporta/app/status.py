"""What serves now, who holds the lease, and what was interrupted."""

from __future__ import annotations

from dataclasses import dataclass

from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments
from comporta.app.judgement import Judged
from comporta.app.judgement import latest as judged_so_far
from comporta.app.observing import observe
from comporta.model.journal import Lease
from comporta.model.snapshot import Snapshot


@dataclass(frozen=True)
class Status:
    """One look at an environment.

    Attributes:
        latest: the newest deployment, running, interrupted or ended.
        lease: who may change the environment now, if anybody.
        lease_dead: why that holder is certainly dead; empty if it is not.
        judged: how the comparison stands, while a canary is under way.
    """

    snapshot: Snapshot
    latest: Deployment | None
    lease: Lease | None
    lease_dead: str
    address: str
    judged: Judged | None

    @property
    def interrupted(self) -> Deployment | None:
        """The newest deployment, if it has no outcome and nobody alive works on it."""
        running = self.lease is not None and not self.lease_dead and not self.lease.manual
        return self.latest if self.latest and self.latest.outcome is None and not running else None


async def status(ctx: Context) -> Status:
    lease = await ctx.journal.lease(ctx.environment)
    latest = await deployments(ctx.journal, ctx.environment, limit=1)
    return Status(
        snapshot=await observe(ctx),
        latest=latest[0] if latest else None,
        lease=lease,
        lease_dead=ctx.host.why_dead(lease.holder) if lease and not lease.manual else "",
        address=ctx.ports.router.address,
        judged=await judged_so_far(ctx.journal, latest[0]) if latest and latest[0].outcome is None else None,
    )
