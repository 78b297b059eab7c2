"""Deployments and contracts of the past. Of the many deployments no more is read than is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from msgspec import Struct

from comporta.app.approving import as_it_stands
from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployment_of
from comporta.model.journal import Kind, Record
from comporta.ports.journal import Journal

PAGE = 100


class Wanted(Struct, frozen=True):
    """Which deployments are asked for.

    Attributes:
        environment: None for all.
        outcomes: only those that ended so; empty: all.
        since, until: when they began, in seconds since the epoch; both included.
    """

    environment: str | None
    outcomes: Collection[str] = ()
    since: float | None = None
    until: float | None = None

    def has(self, deployment: Deployment) -> bool:
        return self.within(deployment.started) and (not self.outcomes or deployment.outcome in self.outcomes)

    def within(self, at: float) -> bool:
        early = self.since is not None and at < self.since
        late = self.until is not None and at > self.until
        return not early and not late


async def history(ctx: Context, wanted: Wanted, limit: int) -> list[Deployment]:
    """The deployments that are asked for, newest first."""
    found: list[Deployment] = []
    async for deployment in newest_first(ctx, wanted.environment):
        if len(found) == limit or (wanted.since is not None and deployment.started < wanted.since):
            break
        if wanted.has(deployment):
            found.append(deployment)
    return found


async def newest_first(ctx: Context, environment: str | None) -> AsyncIterator[Deployment]:
    """The deployments of an environment (or of all); of the many no more is read than is taken."""
    async for opened, finished in _attempts(ctx.journal, environment):
        yield as_it_stands(ctx, deployment_of(opened, finished))


class Contract(Struct, frozen=True):
    """One `comporta database contract`.

    Attributes:
        names: of the migrations that had waited.
        started, ended: seconds since the epoch; `ended` is None while it runs, or where it was cut off.
        outcome: applied or failed; None as above.
        cause: why it failed.
    """

    environment: str
    version: str
    release: int
    names: tuple[str, ...]
    actor: str
    reason: str
    started: float
    ended: float | None
    outcome: str | None
    cause: str
    backup: str

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else self.ended - self.started


async def with_contracts(ctx: Context, wanted: Wanted, limit: int) -> list[Deployment | Contract]:
    """Both, newest first. Contracts have none of a deployment's outcomes: who asks for these gets deployments alone."""
    both: list[Deployment | Contract] = [*await history(ctx, wanted, limit)]
    if not wanted.outcomes:
        both += [made for made in await _contracts(ctx.journal, wanted.environment) if wanted.within(made.started)]
    return sorted(both, key=lambda one: one.started, reverse=True)[:limit]


async def _contracts(journal: Journal, environment: str | None) -> list[Contract]:
    """They are rare, and whoever makes one holds the lease: the next record of its environment is how it ended."""
    found: list[Contract] = []
    ends: dict[str, Record] = {}
    for record in await journal.find(environment=environment, kinds=(Kind.CONTRACT,)):
        if record.data["did"] == "begun":
            found.append(_contract(record, ends.pop(record.environment, None)))
        else:
            ends[record.environment] = record
    return found


def _contract(begun: Record, ended: Record | None) -> Contract:
    end = ended.data if ended else {}
    return Contract(
        environment=begun.environment,
        version=begun.data["version"],
        release=begun.data["release"],
        names=tuple(begun.data["names"]),
        actor=begun.actor,
        reason=begun.data["reason"],
        started=begun.at,
        ended=ended.at if ended else None,
        outcome=end.get("did"),
        cause=end.get("cause", ""),
        backup=end.get("backup", ""),
    )


async def _attempts(journal: Journal, environment: str | None) -> AsyncIterator[tuple[Record, Record | None]]:
    """How each deployment began and how it ended, newest first, read page by page."""
    ends: dict[int | None, Record] = {}
    begun: set[int | None] = set()
    before: int | None = None
    kinds = (Kind.OPENED, Kind.REQUESTED)
    while opened := await journal.find(environment=environment, kinds=kinds, limit=PAGE, before=before):
        first = opened[-1].sequence
        # What ended was begun before: the ends of this page are in it, or in the newer ones that were read already.
        for record in await journal.find(environment=environment, kinds=(Kind.FINISHED,), after=first, before=before):
            ends.setdefault(record.deployment, record)
        for record in opened:
            # What was approved has both records, and begins with the later one.
            if record.deployment not in begun:
                yield record, ends.get(record.deployment)
            begun.add(record.deployment)
        before = first
