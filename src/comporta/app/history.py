"""The deployments of the past, found without reading more of the journal than is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from comporta.app.approving import as_it_stands
from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployment_of
from comporta.model.journal import Kind, Record
from comporta.ports.journal import Journal

PAGE = 100


@dataclass(frozen=True)
class Wanted:
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
        early = self.since is not None and deployment.started < self.since
        late = self.until is not None and deployment.started > self.until
        return not early and not late and (not self.outcomes or deployment.outcome in self.outcomes)


async def history(ctx: Context, wanted: Wanted, limit: int) -> list[Deployment]:
    """The deployments that are asked for, newest first."""
    found: list[Deployment] = []
    async for opened, finished in _attempts(ctx.journal, wanted.environment):
        if len(found) == limit or (wanted.since is not None and opened.at < wanted.since):
            break
        deployment = as_it_stands(ctx, deployment_of(opened, finished))
        if wanted.has(deployment):
            found.append(deployment)
    return found


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
