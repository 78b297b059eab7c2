"""The deployments of the past, found without reading more of the journal than is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

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

    def has(self, opened: Record, finished: Record | None) -> bool:
        outcome = finished.data["outcome"] if finished else None
        early = self.since is not None and opened.at < self.since
        late = self.until is not None and opened.at > self.until
        return not early and not late and (not self.outcomes or outcome in self.outcomes)


async def history(journal: Journal, wanted: Wanted, limit: int) -> list[Deployment]:
    """The deployments that are asked for, newest first."""
    found: list[Deployment] = []
    async for opened, finished in _attempts(journal, wanted.environment):
        if len(found) == limit or (wanted.since is not None and opened.at < wanted.since):
            break
        if wanted.has(opened, finished):
            found.append(deployment_of(opened, finished))
    return found


async def _attempts(journal: Journal, environment: str | None) -> AsyncIterator[tuple[Record, Record | None]]:
    """How each deployment began and how it ended, newest first, read page by page."""
    ends: dict[int | None, Record] = {}
    before: int | None = None
    while opened := await journal.find(environment=environment, kinds=(Kind.OPENED,), limit=PAGE, before=before):
        first = opened[-1].sequence
        # What ended was begun before: the ends of this page are in it, or in the newer ones that were read already.
        for record in await journal.find(environment=environment, kinds=(Kind.FINISHED,), after=first, before=before):
            ends.setdefault(record.deployment, record)
        for record in opened:
            yield record, ends.get(record.deployment)
        before = first
