"""Holding the lease while something is changed: taken, renewed in the background, given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import anyio

from comporta.app.context import Context
from comporta.model.errors import JournalBusy, LeaseHeld
from comporta.model.journal import Kind, Lease
from comporta.model.leases import held as who_holds
from comporta.steps.groups import task_group

HEARTBEAT_EVERY = 5.0
LOOK_EVERY = 0.2
"""Seconds between looks whether there is something new to tell others about us."""
WAIT_EVERY = 1.0
SILENT_AFTER = 3 * HEARTBEAT_EVERY
"""Seconds without a sign of life after which whoever wants a holder to stop may end it."""
TRIES = 3
"""To write into a journal that is busy."""
T = TypeVar("T")


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


@dataclass
class Vigil:
    """Looks for signs of life of whoever holds the lease, by our own clock: the holder's may have been set."""

    ctx: Context
    _seen: Lease | None = None
    _since: float = 0.0

    async def silent(self) -> Lease | None:
        """The lease, if its holder gave no sign of life since SILENT_AFTER seconds. To be asked again and again."""
        lease, now = await self.ctx.journal.lease(self.ctx.environment), self.ctx.ports.clock.monotonic()
        if lease != self._seen:
            self._seen, self._since = lease, now
        return lease if now - self._since >= SILENT_AFTER else None


def end_silent(ctx: Context, lease: Lease) -> None:
    """Make certain that a holder without signs of life never goes on: not in the middle of a step, once others have
    settled its deployment.

    Raises:
        LeaseHeld: it cannot be ended from here.
    """
    holder = lease.holder
    if cause := ctx.host.end(holder):
        raise LeaseHeld(
            f"cannot go on: process {holder.pid} of {holder.actor} on {holder.host} holds {lease.environment}, gives "
            f"no sign of life, and cannot be ended: {cause}",
            next=f"end it there (`sudo kill -9 {holder.pid}`); `comporta unlock` if {holder.host} is gone for good",
        )
    ctx.reporter.notice(f"ended process {holder.pid} of {holder.actor}: no sign of life for {SILENT_AFTER:.0f} s")


async def past_silence(ctx: Context, write: Callable[[], Awaitable[T]]) -> T:
    """Do it, though the holder may have stopped in the midst of writing, so that nobody else can.

    Raises:
        LeaseHeld: that holder cannot be ended from here.
        JournalBusy: it is somebody else who writes.
    """
    vigil = Vigil(ctx)
    await vigil.silent()
    # Each of them takes so long that the holder is known to be silent before the last one.
    for _ in range(TRIES - 1):
        with suppress(JournalBusy):
            return await write()
        if (lease := await vigil.silent()) is not None and not lease.manual:
            end_silent(ctx, lease)
    return await write()


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
    if current and not dead:
        # Without trying to write, for the holder may have stopped in the midst of writing.
        raise who_holds(current)
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
