"""A step's notebook, kept in the journal under the deployment's lease."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from comporta.model.journal import Kind, Lease
from comporta.ports.clock import Clock
from comporta.ports.journal import Journal
from comporta.ports.notebook import Wishes


class JournalNotebook(Struct, frozen=True):
    """Implements the Notebook port for one step of one deployment."""

    journal: Journal
    clock: Clock
    lease: Lease
    deployment: int
    step: int
    actor: str

    async def measured(self) -> list[dict[str, Any]]:
        return [record.data for record in await self.journal.measurements(self.deployment)]

    async def measure(self, facts: dict[str, Any]) -> None:
        await self._append(Kind.MEASURED, facts)

    async def remember(self, facts: dict[str, Any]) -> None:
        await self._append(Kind.NOTE, facts)

    async def remembered(self) -> list[dict[str, Any]]:
        records = await self.journal.records(self.deployment)
        return [record.data for record in records if record.kind is Kind.NOTE and record.step == self.step]

    async def _append(self, kind: Kind, facts: dict[str, Any]) -> None:
        await self.journal.append(
            kind,
            at=self.clock.now(),
            environment=self.lease.environment,
            actor=self.actor,
            lease=self.lease,
            deployment=self.deployment,
            step=self.step,
            data=facts,
        )

    async def wishes(self) -> Wishes:
        promoted = paused = ""
        for record in await self.journal.records(self.deployment):
            if record.kind is Kind.INTENT:
                # What was asked for during an earlier step was about that one.
                promoted = paused = ""
            elif record.kind is Kind.PROMOTE:
                promoted = record.actor
            elif record.kind in (Kind.PAUSE, Kind.CONTINUE):
                paused = record.actor if record.kind is Kind.PAUSE else ""
        return Wishes(promoted_by=promoted, paused_by=paused)
