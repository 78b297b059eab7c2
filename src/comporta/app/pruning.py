"""Remove what old releases left behind, after saying what that is and asking."""

from __future__ import annotations

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.deploy import require_settled
from comporta.app.leasing import held_lease
from comporta.app.leftovers import Found, find, remove, told
from comporta.model.backups import bytes_text
from comporta.model.errors import Refused
from comporta.model.release import Leftover


class Pruned(Struct, frozen=True):
    """`removed`: in a dry run, what would be. `stay`: the versions that are kept for a rollback, or serve."""

    removed: tuple[Leftover, ...]
    stay: tuple[str, ...]


async def prune(ctx: Context, *, dry_run: bool = False, wait: float = 0.0) -> Pruned:
    """Remove what no rollback wants and no slot uses.

    Args:
        dry_run: only say what would be removed; without the lease.
        wait: seconds to wait for the lease.

    Raises:
        LeaseHeld: somebody else changes this environment.
        Interrupted: a deployment was cut off: what settling it needs is not known before.
        Refused: the person said no.
        RuntimeFailure: something could not be removed; it is shown again the next time.
    """
    if dry_run:
        await require_settled(ctx)
        found = await _look(ctx)
        return Pruned(found.leftovers, found.stay)
    ctx.reporter.stage("take the lease")
    async with held_lease(ctx, wait=wait) as held:
        await require_settled(ctx)
        found = await _look(ctx)
        if not found.leftovers:
            return Pruned((), found.stay)
        await _agree(ctx, found)
        # What somebody has changed while the question stood is not what was agreed to.
        still = {(leftover.host, leftover.parts) for leftover in (await find(ctx)).leftovers}
        agreed = tuple(leftover for leftover in found.leftovers if (leftover.host, leftover.parts) in still)
        await remove(ctx, held, agreed)
        return Pruned(agreed, found.stay)


async def _look(ctx: Context) -> Found:
    ctx.reporter.stage("look for what old releases left")
    found = await find(ctx)
    for leftover in found.leftovers:
        ctx.reporter.notice(f"{told(leftover)}: {bytes_text(leftover.bytes)}")
    return found


async def _agree(ctx: Context, found: Found) -> None:
    question = (
        f"Remove these {len(found.leftovers)} from {ctx.environment}? That frees at least {bytes_text(found.bytes)}; "
        f"{', '.join(found.stay)} {'stay' if len(found.stay) > 1 else 'stays'}."
    )
    if not await ctx.ports.operator.confirm(question):
        raise Refused("cannot remove it: not confirmed", next="say yes at the prompt, or give --yes")
