"""What old releases left behind and nobody needs: which that is, and its removal, with and without being asked.

What is needed is told to the runtime; what there is, it knows itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments, releases
from comporta.app.known_good import behind, lineage, preferred
from comporta.app.leasing import Held
from comporta.app.observing import observe
from comporta.model.errors import ComportaError
from comporta.model.journal import Kind
from comporta.model.release import Leftover, Release
from comporta.model.snapshot import Snapshot
from comporta.model.values import from_json, to_json


class Found(Struct, frozen=True):
    """`stay`: the versions of this environment that are kept, the newest release first."""

    leftovers: tuple[Leftover, ...]
    stay: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return total(self.leftovers)


def total(leftovers: Iterable[Leftover]) -> int:
    """In bytes: what is free without them, at least."""
    return sum(leftover.bytes for leftover in leftovers)


async def find(ctx: Context, *, ours: bool = False) -> Found:
    """What the environment's old releases left, or of that what comporta made itself. Changes nothing."""
    snapshot = await observe(ctx)
    known = await _releases_everywhere(ctx)
    needed = [state.occupant.artifact for state in (snapshot.blue, snapshot.green) if state.occupant]
    for environment, made in known.items():
        history = await deployments(ctx.journal, environment)
        here = environment == ctx.environment
        numbers = _needed_here(ctx, snapshot, made, history) if here else _needed_elsewhere(ctx, history)
        needed += [release.artifact for release in made if release.number in numbers or _is_to_come(release, history)]
    mine = [release.artifact for release in known.get(ctx.environment, ())]
    found = await ctx.ports.runtime.leftovers(mine, needed, ours=ours)
    return Found(found, tuple(dict.fromkeys(artifact.version for artifact in mine if artifact in needed)))


async def remove(ctx: Context, held: Held, leftovers: Sequence[Leftover]) -> None:
    """Remove them under the lease, and have the journal tell so before and after.

    Killed in the middle, it is gone on with by whoever looks for leftovers next.

    Raises:
        RuntimeFailure: one could not be removed; those before it are.
    """
    await _record(ctx, held, did="removing", leftovers=to_json(tuple(leftovers)))
    for number, leftover in enumerate(leftovers, start=1):
        held.doing = f"removing what old releases left, {number} of {len(leftovers)}"
        ctx.reporter.stage(f"remove {told(leftover)}")
        await ctx.ports.runtime.discard(leftover)
    await _record(ctx, held, did="removed", bytes=total(leftovers))


async def tidy(ctx: Context, held: Held) -> None:
    """Remove what comporta itself had made of releases that nobody needs. Where that fails, nothing depends on it."""
    # The deployment has ended: a first Ctrl-C must not make it look as if nothing had been done.
    ctx.interruption.undoable = True
    try:
        made = await releases(ctx.journal, ctx.environment)
        there = await ctx.ports.runtime.leftovers([release.artifact for release in made], (), ours=True)
        # Where there is nothing of ours at all, the whole history need not be read.
        if there and (surplus := (await find(ctx, ours=True)).leftovers):
            await remove(ctx, held, surplus)
    except ComportaError as error:
        ctx.reporter.notice(f"what old releases left was not removed: {error.message}; `comporta prune` tries again")
    finally:
        ctx.interruption.undoable = False


def told(leftover: Leftover) -> str:
    """One line, for people."""
    where = f" on {leftover.host}" if leftover.host else ""
    return f"the {leftover.kind} of {leftover.version}{where} ({', '.join(leftover.parts)})"


def wanted(history: Sequence[Deployment], live: int | None, *, window: float, keep: int, recent: int) -> set[int]:
    """The numbers of the releases that a rollback may want.

    Those that serve or served last; so many of those before, and so many that are known to be good; and what the most
    recent deployments were about, however they ended: one of them may have to be settled yet.

    Args:
        history: newest first.
        live: the release that serves now; None: nothing does.
        window: seconds that a release is watched.
    """
    line = lineage(history, window)
    before = behind(line, live)
    served = [*line[-keep - 1 :], *before[:keep], *preferred(before)[:keep]]
    latest = [deployment.plan for deployment in history[:recent]]
    named = [ref.number for plan in latest for ref in (plan.release, plan.replaces) if ref is not None]
    return {*(one.release for one in served), *named, *([] if live is None else [live])}


async def _releases_everywhere(ctx: Context) -> dict[str, list[Release]]:
    """By environment, newest first: they may be made of the same artifacts."""
    found: dict[str, list[Release]] = {}
    for record in await ctx.journal.find(kinds=(Kind.RELEASE,)):
        found.setdefault(record.environment, []).append(from_json(record.data, Release))
    return found


def _needed_here(ctx: Context, snapshot: Snapshot, made: Sequence[Release], history: Sequence[Deployment]) -> set[int]:
    traffic = snapshot.routing.traffic
    serving = traffic.release_in(traffic.live) if traffic.live else None
    live = serving.number if serving else None
    return wanted(history, live, window=ctx.spec.watch.window, keep=ctx.ports.runtime.keep, recent=1)


def _needed_elsewhere(ctx: Context, history: Sequence[Deployment]) -> set[int]:
    """Who sits in the slots there is not to be seen from here: one of those that were deployed last."""
    keep = ctx.ports.runtime.keep
    return wanted(history, None, window=ctx.spec.watch.window, keep=keep, recent=keep)


def _is_to_come(release: Release, history: Sequence[Deployment]) -> bool:
    """It was never deployed, and is newer than all that were: a gate may have held it up."""
    return all(deployment.release < release.number for deployment in history)


async def _record(ctx: Context, held: Held, **facts: Any) -> None:
    await ctx.journal.append(
        Kind.PRUNED,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=held.lease,
        data=facts,
    )
