"""A journal in memory: what a crash leaves behind is exactly what was appended."""

from __future__ import annotations

from typing import Any

import msgspec

from comporta.model.chain import chained, first_broken, intact, rechained
from comporta.model.journal import Holder, Kind, Lease, Outcome, Record
from comporta.model.leases import held, lost
from comporta.model.outlines import Outline
from comporta.model.salvage import Salvage, recovery


class FakeJournal:
    """Implements the Journal port."""

    def __init__(self) -> None:
        self.all: list[Record] = []
        self.aside: list[Record] = []
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
            sequence=0,
            at=at,
            environment=environment,
            deployment=deployment,
            kind=kind,
            step=step,
            actor=actor,
            generation=lease.generation if lease else None,
            data=data or {},
            previous="",
            hash="",
        )
        record = chained(record, self.all[-1] if self.all else None)
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
        number = max((r.data["number"] for r in self.all if r.kind is Kind.RELEASE), default=0) + 1
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

    async def salvage(self) -> Salvage:
        found = [*intact(self.all)]
        kept = [record for record in found if record is not None]
        newest = max((r.deployment or 0 for r in kept), default=0)
        seen = max((r.deployment or 0 for r in self.all), default=0)
        return Salvage(
            kept=len(kept),
            lost=tuple(place for place, record in enumerate(found, start=1) if record is None),
            head=kept[-1].hash if kept else "",
            releases=tuple(record.data["number"] for record in kept if record.kind is Kind.RELEASE),
            deployment=seen if seen > newest else None,
        )

    async def rebuild(self, salvage: Salvage, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> str:
        data = {**data, "aside": "aside"}
        recovered = recovery(salvage, at=at, environment=environment, actor=actor, data=data)
        self.aside, self.all = self.all, [*rechained(intact(self.all), recovered)]
        self._leases = {}
        return "aside"

    def _require(self, lease: Lease) -> None:
        current = self._leases.get(lease.environment)
        if current is None or current.generation != lease.generation:
            raise lost(lease.environment, current)
