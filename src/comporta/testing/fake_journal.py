"""A journal in memory: what a crash leaves behind is exactly what was appended."""

from __future__ import annotations

from typing import Any

import msgspec

from comporta.model.chain import GENESIS, digest, first_broken
from comporta.model.journal import Holder, Kind, Lease, Outcome, Record
from comporta.model.leases import held, lost
from comporta.model.outlines import Outline


class FakeJournal:
    """Implements the Journal port."""

    def __init__(self) -> None:
        self.all: list[Record] = []
        self._leases: dict[str, Lease | None] = {}
        self._generations: dict[str, int] = {}

    async def lease(self, environment: str) -> Lease | None:
        return self._leases.get(environment)

    async def acquire(
        self,
        environment: str,
        holder: Holder,
        *,
        at: float,
        displacing: int | None = None,
        manual: bool = False,
        message: str = "",
    ) -> Lease:
        current = self._leases.get(environment)
        if current is not None and current.generation != displacing:
            raise held(current)
        generation = self._generations.get(environment, 0) + 1
        lease = Lease(
            environment=environment,
            generation=generation,
            holder=holder,
            acquired=at,
            heartbeat=at,
            manual=manual,
            message=message,
        )
        self._leases[environment], self._generations[environment] = lease, generation
        return lease

    async def heartbeat(self, lease: Lease, *, at: float, doing: str) -> None:
        self._require(lease)
        self._leases[lease.environment] = msgspec.structs.replace(lease, heartbeat=at, doing=doing)

    async def release(self, lease: Lease) -> None:
        current = self._leases.get(lease.environment)
        if current is not None and current.generation == lease.generation:
            self._leases[lease.environment] = None

    async def append(
        self,
        kind: Kind,
        *,
        at: float,
        environment: str,
        actor: str,
        lease: Lease | None,
        deployment: int | None = None,
        step: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> Record:
        if lease is not None:
            self._require(lease)
        record = Record(
            sequence=len(self.all) + 1,
            at=at,
            environment=environment,
            deployment=deployment,
            kind=kind,
            step=step,
            actor=actor,
            generation=lease.generation if lease else None,
            data=data or {},
            previous=self.all[-1].hash if self.all else GENESIS,
            hash="",
        )
        record = msgspec.structs.replace(record, hash=digest(record))
        self.all.append(record)
        return record

    async def open_deployment(
        self, *, at: float, lease: Lease, actor: str, data: dict[str, Any], number: int | None = None
    ) -> int:
        number = number or self._next_deployment
        await self.append(
            Kind.OPENED, at=at, environment=lease.environment, actor=actor, lease=lease, deployment=number, data=data
        )
        return number

    async def request_deployment(self, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> int:
        number = self._next_deployment
        await self.append(
            Kind.REQUESTED, at=at, environment=environment, actor=actor, lease=None, deployment=number, data=data
        )
        return number

    @property
    def _next_deployment(self) -> int:
        return max((r.deployment or 0 for r in self.all), default=0) + 1

    async def add_release(self, *, at: float, lease: Lease, actor: str, data: dict[str, Any]) -> int:
        number = sum(r.kind is Kind.RELEASE for r in self.all) + 1
        data = {**data, "number": number}
        await self.append(Kind.RELEASE, at=at, environment=lease.environment, actor=actor, lease=lease, data=data)
        return number

    async def records(self, deployment: int) -> list[Record]:
        return [r for r in self.all if r.deployment == deployment and r.kind is not Kind.MEASURED]

    async def measurements(self, deployment: int) -> list[Record]:
        return [r for r in self.all if r.deployment == deployment and r.kind is Kind.MEASURED]

    async def find(
        self,
        *,
        environment: str | None = None,
        kinds: tuple[Kind, ...],
        limit: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> list[Record]:
        within = self.all[after or 0 : None if before is None else max(0, before - 1)]
        found = [r for r in reversed(within) if r.kind in kinds and environment in (None, r.environment)]
        return found[:limit]

    async def outlines(self, *, environment: str | None = None, since: float | None = None) -> list[Outline]:
        opened = [r for r in self.all if r.kind is Kind.OPENED and environment in (None, r.environment)]
        return [self._outline(record) for record in opened if since is None or record.at >= since]

    def _outline(self, opened: Record) -> Outline:
        plan = opened.data["plan"]
        mine = [r for r in self.all if r.deployment == opened.deployment]
        end = next((r for r in reversed(mine) if r.kind is Kind.FINISHED), None)
        release = plan["release"]["number"]
        created = (r.at for r in self.all if r.kind is Kind.RELEASE and r.data["number"] == release)
        failed = (r.at for r in mine if r.kind in (Kind.FAILED, Kind.FOREIGN, Kind.ABORT))
        return Outline(
            number=opened.deployment or 0,
            environment=opened.environment,
            strategy=plan["strategy"],
            started=opened.at,
            created=next(created, None),
            failed=min(failed, default=None),
            ended=end.at if end else None,
            outcome=Outcome(end.data["outcome"]) if end else None,
            lost=end.data.get("lost") if end else None,
        )

    async def hashed(self, prefix: str) -> Record | None:
        return next((r for r in self.all if r.hash.startswith(prefix)), None)

    async def verify(self) -> Record | None:
        return first_broken(self.all)

    def _require(self, lease: Lease) -> None:
        current = self._leases.get(lease.environment)
        if current is None or current.generation != lease.generation:
            raise lost(lease.environment, current)
