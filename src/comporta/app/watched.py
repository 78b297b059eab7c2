"""What a watch leaves behind: the alerts that are up, and whether it counts. Reading it takes no watch."""

from __future__ import annotations

from comporta.analysis.alerting import Alerts, Crossing, Raised
from comporta.app.context import Context
from comporta.model.journal import Kind, Record
from comporta.model.values import from_json
from comporta.model.watching import Tally

LAG = 1
"""Whole seconds that a router's figures may be late."""
RECENTLY = 15.0


async def is_watched(ctx: Context) -> bool:
    """Whether a watch has counted something in the last seconds, be it its own question."""
    now = ctx.ports.clock.now()
    return await ctx.series.total(now - RECENTLY, now + LAG) != Tally()


async def alerts_up(ctx: Context) -> list[Crossing]:
    """The alerts that are up, as the journal has them."""
    return (await alerts_so_far(ctx)).up


async def alerts_so_far(ctx: Context) -> Alerts:
    now = ctx.ports.clock.now()
    raised: dict[str, Raised] = {}
    newest_first: list[Record] = await ctx.journal.find(environment=ctx.environment, kinds=(Kind.ALERT,))
    for record in newest_first:
        crossing = from_json({key: record.data[key] for key in Crossing.__struct_fields__}, Crossing)
        up = bool(record.data["crossed"])
        raised.setdefault(crossing.name, Raised(crossing=crossing, last=now if up else record.at, up=up))
    return Alerts(raised=raised)
