"""`comporta serve`: watches environments for good, and finishes what was interrupted.

It keeps nothing in memory that a restart would need: killed at any moment, the next one goes on.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
from msgspec.structs import replace

from comporta.app.context import Context
from comporta.app.deployments import unfinished
from comporta.app.metering import Counting
from comporta.app.notifying import deliver_forever
from comporta.app.settling import resume
from comporta.app.watching import Seen, watch
from comporta.daemon.exposing import expose
from comporta.model.errors import ComportaError, UsageError
from comporta.steps.groups import task_group

LOOK_EVERY = 2.0
"""Seconds between looks for an interrupted deployment."""
PAUSE = 5.0
"""Seconds to wait after something went wrong, such as a full disk."""


def serve(contexts: Sequence[Context]) -> None:
    """Until SIGTERM or Ctrl-C. A deployment that is under way then is left as it is: the next start finishes it.

    Raises:
        UsageError: an environment is watched by another process already.
    """
    anyio.run(_serve, contexts)


async def watch_alone(ctx: Context, show: Callable[[Seen], None]) -> None:
    """Watch one environment, in the foreground.

    Raises:
        UsageError: another process does already.
    """
    with _sole(ctx):
        await watch(ctx, show)


async def _serve(contexts: Sequence[Context]) -> None:
    async with task_group() as group:
        group.start_soon(_until_signal, group.cancel_scope)
        asked: dict[str, list[tuple[Context, Counting]]] = {}
        for ctx in contexts:
            counting = Counting(ctx.series)
            group.start_soon(_environment, replace(ctx, series=counting))
            if address := ctx.spec.watch.metrics:
                asked.setdefault(address, []).append((ctx, counting))
        for address, counted in asked.items():
            group.start_soon(_for_good, counted[0][0], partial(expose, address, counted))


async def _until_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _environment(ctx: Context) -> None:
    with _sole(ctx):
        ctx.reporter.notice(f"watching {ctx.spec.service} at {ctx.ports.router.address}")
        async with task_group() as group:
            group.start_soon(_for_good, ctx, lambda: watch(ctx, lambda seen: None))
            group.start_soon(_for_good, ctx, lambda: _settle(ctx))
            group.start_soon(deliver_forever, ctx, ctx.reporter.notice)


async def _for_good(ctx: Context, work: Callable[[], Awaitable[None]]) -> None:
    """What goes wrong is told once, and tried again: whoever watches must not stop."""
    told = ""
    while True:
        try:
            await work()
        except (ComportaError, OSError) as error:
            if str(error) != told:
                ctx.reporter.notice(f"{error}; trying again every {PAUSE:g} s")
            told = str(error)
        await ctx.ports.clock.sleep(PAUSE)


async def _settle(ctx: Context) -> None:
    """Finish interrupted deployments, now and whenever there is one."""
    while True:
        if await _interrupted(ctx):
            ended = await resume(ctx)
            ctx.reporter.notice(
                f"deployment {ended.deployment.number} was interrupted; it is {ended.deployment.outcome}"
            )
        await ctx.ports.clock.sleep(LOOK_EVERY)


async def _interrupted(ctx: Context) -> bool:
    """There is a deployment without an outcome, and nobody alive works on it."""
    if await unfinished(ctx.journal, ctx.environment) is None:
        return False
    lease = await ctx.journal.lease(ctx.environment)
    return lease is None or (not lease.manual and bool(ctx.host.why_dead(lease.holder)))


@contextmanager
def _sole(ctx: Context) -> Iterator[None]:
    """One watch for each environment: two would count everything twice."""
    path = Path(ctx.spec.state) / ctx.environment / "watch.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UsageError(
                f"cannot watch {ctx.environment}: process {file.read().strip() or '(unknown)'} does already",
                next="`comporta status` shows what it sees; `comporta history` what it did",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
