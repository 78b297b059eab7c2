"""Watch what is live: count each second, tell people what crosses a threshold, and take a bad release back.

The seconds are kept (`Series`) and alerts and rollbacks are in the journal, so a watch that was killed goes on as if it
had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
from msgspec import Struct

from comporta.analysis.alerting import Alerts, Change, Crossing, crossings
from comporta.analysis.triggers import met, told
from comporta.app.answering import Answer, answer
from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments
from comporta.app.history import newest_first
from comporta.app.running import request_abort
from comporta.app.watched import LAG, alerts_so_far
from comporta.model.errors import ComportaError, UsageError
from comporta.model.figures import Figures
from comporta.model.journal import Kind, Outcome
from comporta.model.spec import Trigger
from comporta.model.traffic import ReleaseRef, Routing
from comporta.model.values import to_json
from comporta.model.watching import Second, Tally
from comporta.steps.groups import task_group
from comporta.steps.health import ask, router_target

SEED_SECONDS = 300.0
PROBE_TIMEOUT = 5.0
MINUTE = 60


class Seen(Struct, frozen=True):
    """One look, for people.

    Attributes:
        state: what is watched, or why nothing is.
        now, usual: the shortest alert window, and the baseline that it is compared with.
        alerts: those that are up.
    """

    at: float
    state: str
    release: ReleaseRef | None
    now: Tally
    usual: Tally
    alerts: tuple[Crossing, ...]


async def watch(ctx: Context, show: Callable[[Seen], None]) -> None:
    """Watch the environment until cancelled.

    Raises:
        UsageError: its monitoring is switched off.
        JournalError: what is counted cannot be kept.
    """
    if ctx.spec.monitoring == "disabled":
        raise UsageError(
            f"cannot watch {ctx.environment}: its monitoring is disabled",
            next="set `monitoring:` to enabled or basic in the config",
        )
    watcher = Watcher(ctx, await alerts_so_far(ctx))
    async with task_group() as group:
        while True:
            began = ctx.ports.clock.monotonic()
            group.start_soon(watcher.probe)
            show(await watcher.look())
            spent = ctx.ports.clock.monotonic() - began
            await ctx.ports.clock.sleep(max(0.0, ctx.spec.watch.interval - spent))


class Watcher:
    def __init__(self, ctx: Context, alerts: Alerts) -> None:
        self._ctx = ctx
        self._spec = ctx.spec.watch
        self._alerts = alerts
        self._probed: list[Second] = []
        self._live: ReleaseRef | None = None
        self._looked = 0
        """Windows that end here, or earlier, have been looked at."""
        self._long: list[Crossing] = []
        self._usual = Tally()
        self._asked_to_abort: int | None = None

    async def probe(self) -> None:
        """Ask as a user would, so that what nobody uses is watched too."""
        live, ctx = self._live, self._ctx
        if live is None:
            return
        passed = False
        with anyio.move_on_after(PROBE_TIMEOUT):
            passed = (await ask(ctx.spec.health.checks[0], router_target(ctx.spec.domain, ctx.ports), ctx.ports)).passed
        tally = Tally(probes=1, failed=0 if passed else 1)
        self._probed.append(Second(at=int(ctx.ports.clock.now()), release=live.number, tally=tally))

    async def look(self) -> Seen:
        """Count what came since, and act on it."""
        now = self._ctx.ports.clock.now()
        edge = int(now) - LAG
        await self._count(edge)
        routing = await self._ctx.ports.router.observe()
        live = routing.traffic.live
        self._live = routing.traffic.release_in(live) if live and not routing.maintenance else None
        state, found = await self._judge(routing, edge)
        found += await self._thresholds(edge) if not routing.maintenance else []
        self._looked = edge
        await self._tell(found, now)
        recent = await self._ctx.series.total(edge - self._spec.thresholds.windows[0], edge)
        return Seen(now, state, self._live, recent, self._usual, tuple(self._alerts.up))

    async def _count(self, edge: int) -> None:
        series, router = self._ctx.series, self._ctx.ports.router
        cursor, figures = await series.cursor(), tuple[Figures, ...]()
        try:
            reading = await (router.count(cursor) if cursor else router.recent(SEED_SECONDS))
            cursor, figures = reading.cursor, reading.figures
        except ComportaError:
            pass  # the router is gone: that is what the probes tell of
        probed, self._probed = self._probed, []
        forget = edge - 2 * int(self._spec.thresholds.windows[-1])
        await series.add([*_by_second(figures), *probed], cursor=cursor, forget_before=forget)

    async def _judge(self, routing: Routing, edge: int) -> tuple[str, list[Crossing]]:
        """What is watched now, and the triggers that people must hear of because no rollback answers them."""
        if routing.maintenance:
            return "maintenance", []
        latest = await deployments(self._ctx.journal, self._ctx.environment, limit=1)
        if latest and latest[0].outcome is None and await self._runs():
            await self._abort_if_bad(latest[0], edge)
            return f"deployment {latest[0].number} runs", []
        if self._live is None:
            return "nothing is deployed" if routing.traffic.weights is None else "traffic is split", []
        return f"{self._live} serves", await self._roll_back_if_bad(self._live, edge)

    async def _runs(self) -> bool:
        lease = await self._ctx.journal.lease(self._ctx.environment)
        return lease is not None and not lease.manual and not self._ctx.host.why_dead(lease.holder)

    async def _abort_if_bad(self, deployment: Deployment, edge: int) -> None:
        """A deployment has its own way back: it is asked to go it. What it replaces may be bad: it may be the cure."""
        found = await self._bad(deployment.release, edge, deployment.started)
        if found and self._asked_to_abort != deployment.number:
            self._asked_to_abort = deployment.number
            await request_abort(self._ctx, deployment.number, f"AUTO: {found[1]}")

    async def _roll_back_if_bad(self, live: ReleaseRef, edge: int) -> list[Crossing]:
        promoted = await self._promoted(live)
        if promoted is None or promoted.ended is None:
            return []
        found = await self._bad(live.number, edge, promoted.ended)
        if found is None:
            return []
        trigger, reason = found
        refused = await answer(self._ctx, Answer(trigger, reason, promoted))
        if not refused:
            return []
        text = f"{reason}; not rolled back: {refused}"
        measure = f"rollback-{trigger.measure}"
        return [Crossing(name=measure, measure=measure, window=trigger.seconds, severity="critical", message=text)]

    async def _promoted(self, live: ReleaseRef) -> Deployment | None:
        """The deployment since which this release serves. Asked at each look: it must not read the whole past."""
        async for deployment in newest_first(self._ctx, self._ctx.environment):
            if deployment.outcome is Outcome.PROMOTED and deployment.release == live.number:
                return deployment
        return None

    async def _bad(self, release: int, edge: int, since: float) -> tuple[Trigger, str] | None:
        """The first trigger that a release met since the look before, and the reason in words."""
        since = max(since, await self._watched_since())
        longest = max((trigger.seconds for trigger in self._spec.triggers), default=0.0)
        first = self._looked + 1 if 0 <= edge - self._looked <= longest else edge
        seconds = [s for s in await self._ctx.series.seconds(first - longest, edge) if s.release == release]
        for until in range(first, edge + 1):
            for trigger in self._spec.triggers:
                if tally := met(trigger, seconds, until, since):
                    return trigger, told(trigger, tally)
        return None

    async def _watched_since(self) -> float:
        """When the seconds begin, or the last maintenance ended, if that was later."""
        began = await self._ctx.series.began()
        last = await self._ctx.journal.find(environment=self._ctx.environment, kinds=(Kind.MAINTENANCE,), limit=1)
        return max([began or 0.0, *(record.at for record in last)])

    async def _thresholds(self, edge: int) -> list[Crossing]:
        shortest, *longer = self._spec.thresholds.windows
        if edge // MINUTE != self._looked // MINUTE:
            self._usual = await self._baseline(edge, shortest)
            self._long = [crossing for window in longer for crossing in await self._crossings(edge, window)]
        return [*await self._crossings(edge, shortest), *self._long]

    async def _crossings(self, edge: int, window: float) -> list[Crossing]:
        now = await self._ctx.series.total(edge - window, edge)
        usual = self._usual if window == self._spec.thresholds.windows[0] else await self._baseline(edge, window)
        return crossings(self._spec.thresholds, window, now, usual)

    async def _baseline(self, edge: int, window: float) -> Tally:
        end = edge - window
        return await self._ctx.series.total(end - self._spec.thresholds.windows[-1], end)

    async def _tell(self, found: list[Crossing], now: float) -> None:
        self._alerts, changes = self._alerts.seen(found, now, calm=self._spec.thresholds.windows[0])
        for change in changes:
            record = await self._ctx.journal.append(
                Kind.ALERT,
                at=now,
                environment=self._ctx.environment,
                actor=self._ctx.actor,
                lease=None,
                data=_facts(change),
            )
            self._ctx.tell_of(record)
            self._ctx.reporter.notice(f"{'alert' if change.crossed else 'over'}: {change.crossing.message}")


def _facts(change: Change) -> dict[str, object]:
    facts: dict[str, object] = to_json(change.crossing)
    return facts | {"crossed": change.crossed}


def _by_second(figures: Iterable[Figures]) -> list[Second]:
    tallies: dict[tuple[int, int], Tally] = {}
    for part in figures:
        key = part.at, part.release
        tallies[key] = tallies.get(key, Tally()).plus(Tally.of(part.counts))
    return [Second(at=at, release=release, tally=tally) for (at, release), tally in tallies.items()]
