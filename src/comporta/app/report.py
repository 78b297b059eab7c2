"""The service levels of deploying over several windows: a fold of the journal, computed when it is asked for."""

from __future__ import annotations

from comporta.analysis.service_levels import DAY, Window, over
from comporta.app.context import Context

DAYS = (7, 30, 90)
"""The windows that end now, where nobody asks for another one."""


async def report(ctx: Context, environment: str | None, since: float | None = None) -> list[Window]:
    """The figures of each window, the shortest first.

    Args:
        environment: None for all.
        since: where the only window begins, in seconds since the epoch; None: the windows are 7, 30 and 90 days.
    """
    now = ctx.ports.clock.now()
    begins = [now - days * DAY for days in DAYS] if since is None else [since]
    outlines = await ctx.journal.outlines(environment=environment, since=min(begins))
    return [over(outlines, begin, now, ctx.spec.service_levels) for begin in begins]
