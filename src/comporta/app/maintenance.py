"""Put the maintenance page up before the users, and take it down.

Neither needs the lease: the page stands apart from where traffic goes, so it can be changed while a deployment is under
way behind it, and in an emergency nobody should have to wait.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.maintenance_page import page as page_with
from comporta.model.journal import Kind


class Maintenance(Struct, frozen=True):
    """The page that users get.

    Attributes:
        since: seconds since the epoch; None if it was not put up with `maintenance_on`, or not told to the journal.
        actor: who put it up.
    """

    since: float | None
    actor: str
    message: str


class PutUp(Struct, frozen=True):
    """`replaced`: there was a page already. `bypass`: the headers with which people see through it."""

    replaced: bool
    bypass: dict[str, str]


async def maintenance_on(ctx: Context, *, message: str = "", page: Path | None = None) -> PutUp:
    """Let users get the maintenance page from now on. A page that is up already is replaced.

    Args:
        page: instead of the one that the config names.

    Raises:
        UsageError: the page cannot be read.
        RouterError: the router does not run, or refuses the page.
    """
    text = page_with(ctx.spec, message, page)
    replaced = (await ctx.ports.router.observe()).maintenance
    await ctx.ports.router.maintain(text)
    await record_maintenance(ctx, on=True, message=message)
    return PutUp(replaced, dict(ctx.ports.router.bypass_headers))


async def maintenance_off(ctx: Context) -> bool:
    """Let users get the service again. False if they did already.

    Raises:
        RouterError: the router does not run.
    """
    was_up = (await ctx.ports.router.observe()).maintenance
    await ctx.ports.router.maintain(None)
    if was_up:
        await record_maintenance(ctx, on=False)
    return was_up


async def maintenance(ctx: Context, *, up: bool) -> Maintenance | None:
    """What the journal tells of the page that is `up`; None if none is."""
    if not up:
        return None
    records = await ctx.journal.find(environment=ctx.environment, kinds=(Kind.MAINTENANCE,), limit=1)
    if not records or not records[0].data["on"]:
        return Maintenance(since=None, actor="", message="")
    return Maintenance(since=records[0].at, actor=records[0].actor, message=records[0].data["message"])


async def record_maintenance(ctx: Context, *, on: bool, message: str = "") -> None:
    """Tell the journal that the page was put up or taken down."""
    record = await ctx.journal.append(
        Kind.MAINTENANCE,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        data={"on": on, "message": message},
    )
    ctx.tell_of(record)
