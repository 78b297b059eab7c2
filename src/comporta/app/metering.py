"""What monitoring asks of an environment: folds of the journal, and what the watch has counted since it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from comporta.app.approving import waiting
from comporta.app.context import Context
from comporta.app.notifying import undelivered
from comporta.app.watched import alerts_up
from comporta.model.deliveries import Status
from comporta.model.journal import Lease
from comporta.model.outlines import Outline
from comporta.model.traffic import ReleaseRef, Slot
from comporta.model.watching import Second, Tally
from comporta.ports.series import Series


class Counting:
    """Implements the Series port: another one, of which it adds up what is added, by release. It only ever grows."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self.totals: dict[int, Tally] = {}

    async def cursor(self) -> str | None:
        return await self._series.cursor()

    async def began(self) -> int | None:
        return await self._series.began()

    async def add(self, seconds: Sequence[Second], *, cursor: str | None, forget_before: int) -> None:
        await self._series.add(seconds, cursor=cursor, forget_before=forget_before)
        for second in seconds:
            self.totals[second.release] = self.totals.get(second.release, Tally()).plus(second.tally)

    async def seconds(self, since: float, until: float) -> list[Second]:
        return await self._series.seconds(since, until)

    async def total(self, since: float, until: float, release: int | None = None) -> Tally:
        return await self._series.total(since, until, release)


class Seat(Struct, frozen=True):
    """A release in a slot. `share`: of the requests, 0 to 1; `counted`: since the watch began."""

    slot: Slot
    release: ReleaseRef
    share: float
    counted: Tally


class Metered(Struct, frozen=True):
    """One look at an environment.

    Attributes:
        deployments: all that were begun, oldest first; waiting: how many wait for an approval.
        lease_seconds: for how long it has been held; 0 if nobody holds it.
        undelivered: how many messages did not arrive, by the receiver's label and their state.
    """

    service: str
    environment: str
    deployments: list[Outline]
    waiting: int
    seats: list[Seat]
    router: bool
    maintenance: bool
    lease: Lease | None
    lease_seconds: float
    alerts: list[str]
    undelivered: dict[tuple[str, Status], int]


async def meter(ctx: Context, counted: Counting) -> Metered:
    """Look at the environment now.

    Raises:
        ComportaError: the journal cannot be read, or the router cannot be asked.
    """
    lease, routing = await ctx.journal.lease(ctx.environment), await ctx.ports.router.observe()
    weights = routing.traffic.weights
    seats = [
        Seat(slot, release, weights.of(slot) / 100 if weights else 0.0, counted.totals.get(release.number, Tally()))
        for slot in Slot
        if (release := routing.traffic.release_in(slot))
    ]
    return Metered(
        service=ctx.spec.service,
        environment=ctx.environment,
        deployments=await ctx.journal.outlines(environment=ctx.environment),
        waiting=len(await waiting(ctx)),
        seats=seats,
        router=routing.running,
        maintenance=routing.maintenance,
        lease=lease,
        lease_seconds=max(0.0, ctx.ports.clock.now() - lease.acquired) if lease else 0.0,
        alerts=sorted(crossing.name for crossing in await alerts_up(ctx)),
        undelivered=await _undelivered(ctx),
    )


async def _undelivered(ctx: Context) -> dict[tuple[str, Status], int]:
    """Zeros too: a figure that is missing says nothing."""
    found = await undelivered(ctx)
    counts = Counter((delivery.label, delivery.status) for delivery in (*found.waiting, *found.given_up))
    labels = [receiver.label for receiver in ctx.alerts.receivers] if ctx.alerts else []
    known = {(label, state): 0 for label in labels for state in (Status.PENDING, Status.GIVEN_UP)}
    return known | counts
