"""Looking at the world before a plan is made."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.model.errors import ForeignChange
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Slot


async def observe(ctx: Context) -> Snapshot:
    """The router and both slots as they are now. Changes nothing."""
    return Snapshot(
        routing=await ctx.ports.router.observe(),
        blue=await ctx.ports.runtime.observe(Slot.BLUE),
        green=await ctx.ports.runtime.observe(Slot.GREEN),
    )


def require_untouched(snapshot: Snapshot) -> None:
    """Refuse to plan on top of what somebody changed by hand.

    Raises:
        ForeignChange: the router's files are not as comporta left them, or traffic is split.
    """
    if snapshot.routing.tampered:
        raise ForeignChange(
            f"cannot plan: {snapshot.routing.tampered}",
            next="put the file back as it was, or `comporta down` and deploy again",
        )
    if snapshot.routing.traffic.weights is not None and snapshot.live is None:
        raise ForeignChange(
            "cannot plan: traffic is split between both slots, and no deployment is under way",
            next="`comporta abort` undoes the last deployment if it ended in an incident",
        )
