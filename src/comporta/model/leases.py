"""What to tell about a lease that somebody else holds: the same for every journal."""

from __future__ import annotations

from comporta.model.errors import LeaseHeld, LeaseLost
from comporta.model.journal import Lease


def held(lease: Lease) -> LeaseHeld:
    """The error that names the holder of a lease, and what to do about it."""
    who = f"{lease.holder.actor} on {lease.holder.host}"
    if lease.manual:
        note = f": {lease.message}" if lease.message else ""
        return LeaseHeld(
            f"cannot change {lease.environment}: locked by {who}{note}",
            next="`comporta unlock` when it may go on",
        )
    doing = f", {lease.doing}" if lease.doing else ""
    return LeaseHeld(
        f"cannot change {lease.environment}: {who} (process {lease.holder.pid}) is at it{doing}",
        next="wait for it (--wait), or stop it with `comporta abort`; `comporta unlock` if it hangs",
    )


def lost(environment: str, now: Lease | None) -> LeaseLost:
    """The error for a holder that finds the lease gone."""
    by = f" by {now.holder.actor} (process {now.holder.pid})" if now else ""
    return LeaseLost(
        f"cannot go on: the lease of {environment} was taken over{by}",
        next="`comporta status` shows what happens now",
    )
