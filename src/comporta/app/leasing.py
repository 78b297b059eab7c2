"""Holding the lease while something is changed: taken, renewed in the background, given back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from comporta.app.context import Context
from comporta.model.errors import LeaseHeld
from comporta.model.journal import Kind, Lease
from comporta.steps.groups import task_group

HEARTBEAT_EVERY = 5.0
LOOK_EVERY = 0.2
"""Seconds between looks whether there is something new to tell others about us."""
WAIT_EVERY = 1.0


@dataclass
class Held:
    """A lease in our hands. `doing` is what others read about us in `comporta status`."""

    lease: Lease
    doing: str = ""


@asynccontextmanager
async def held_lease(ctx: Context, *, wait: float = 0.0) -> AsyncIterator[Held]:
    """Hold the environment's lease for the block.

    A holder that is certainly dead is displaced, and said so.

    Args:
        wait: seconds to wait for a living holder to finish.

    Raises:
        LeaseHeld: somebody alive holds it, or it was taken by hand.
        LeaseLost: it was taken over during the block; the block is cancelled at once.
    """
    async with holding(ctx, await _acquire_within(ctx, wait)) as held:
        yield held


@asynccontextmanager
async def holding(ctx: Context, lease: Lease) -> AsyncIterator[Held]:
    """Keep an acquired lease alive for the block, and give it back.

    Raises:
        LeaseLost: it was taken over during the block; the block is cancelled at once.
    """
    held = Held(lease)
    try:
        async with task_group() as group:
            group.start_soon(_beat, ctx, held)
            yield held
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await ctx.journal.release(lease)


async def _acquire_within(ctx: Context, wait: float) -> Lease:
    deadline = ctx.ports.clock.monotonic() + wait
    while True:
        try:
            return await acquire(ctx)
        except LeaseHeld as held:
            left = deadline - ctx.ports.clock.monotonic()
            if left <= 0:
                raise
            ctx.ports.operator.note(f"{held.message}; waiting, {left:.0f} s left")
            await ctx.ports.clock.sleep(min(WAIT_EVERY, left))


async def acquire(ctx: Context) -> Lease:
    """Take the lease now. Whoever takes it must give it back: see `holding`.

    Raises:
        LeaseHeld: somebody alive holds it, or it was taken by hand.
    """
    now, me = ctx.ports.clock.now(), ctx.host.me()
    current = await ctx.journal.lease(ctx.environment)
    dead = ctx.host.why_dead(current.holder) if current and not current.manual else ""
    lease = await ctx.journal.acquire(
        ctx.environment, me, at=now, displacing=current.generation if current and dead else None
    )
    if current and dead:
        text = f"took over the lease of {current.holder.actor}: {dead}"
        ctx.reporter.notice(text)
        await ctx.journal.append(
            Kind.TAKEN_OVER, at=now, environment=ctx.environment, actor=me.actor, lease=lease, data={"message": text}
        )
    return lease


async def _beat(ctx: Context, held: Held) -> None:
    """Show that we live, and at once when what we do changes."""
    while True:
        doing, beaten = held.doing, ctx.ports.clock.monotonic()
        await ctx.journal.heartbeat(held.lease, at=ctx.ports.clock.now(), doing=doing)
        while held.doing == doing and ctx.ports.clock.monotonic() < beaten + HEARTBEAT_EVERY:
            await ctx.ports.clock.sleep(LOOK_EVERY)
