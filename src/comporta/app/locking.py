"""Lock an environment by hand, and unlock it."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.app.leasing import LOOK_EVERY, Vigil, end_silent
from comporta.model.errors import UsageError
from comporta.model.journal import Kind, Lease
from comporta.model.leases import held


async def lock(ctx: Context, message: str) -> Lease:
    """Keep everybody from changing the environment until `unlock`.

    Raises:
        LeaseHeld: it is locked, or being changed, already.
    """
    now = ctx.ports.clock.now()
    current = await ctx.journal.lease(ctx.environment)
    dead = current is not None and not current.manual and ctx.host.why_dead(current.holder)
    lease = await ctx.journal.acquire(
        ctx.environment,
        ctx.host.me(),
        at=now,
        displacing=current.generation if current and dead else None,
        manual=True,
        message=message,
    )
    await _note(ctx, f"locked: {message}" if message else "locked")
    return lease


async def unlock(ctx: Context) -> Lease:
    """Give back a lease that was taken by hand, or whose holder is dead, or gives no sign of life and is ended.

    Raises:
        UsageError: it is not locked.
        LeaseHeld: a living process holds it: that one is stopped with `comporta abort`.
    """
    current = await ctx.journal.lease(ctx.environment)
    if current is None:
        raise UsageError(f"cannot unlock {ctx.environment}: it is not locked")
    if not current.manual and not ctx.host.why_dead(current.holder):
        current = await _silent(ctx, current)
        # Of a holder on another machine nobody here can tell more. It finds its lease gone, should it go on.
        if current.holder.host == ctx.host.me().host:
            end_silent(ctx, current)
    await ctx.journal.release(current)
    await _note(ctx, "unlocked")
    return current


async def _silent(ctx: Context, current: Lease) -> Lease:
    """The lease, once it is certain that its holder gives no sign of life.

    Raises:
        LeaseHeld: it gave one.
    """
    vigil = Vigil(ctx)
    ctx.reporter.stage(f"look for signs of life of process {current.holder.pid} on {current.holder.host}")
    while not await vigil.silent():
        if await ctx.journal.lease(ctx.environment) != current:
            raise held(current)
        await ctx.ports.clock.sleep(LOOK_EVERY)
    return current


async def _note(ctx: Context, text: str) -> None:
    await ctx.journal.append(
        Kind.NOTE,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        data={"message": text},
    )
