"""The append-only truth of what was done, and the lease that guards it."""

from __future__ import annotations

from typing import Any, Protocol

from comporta.model.journal import Holder, Kind, Lease, Record
from comporta.model.outlines import Outline
from comporta.model.salvage import Salvage


class Journal(Protocol):
    """Writes are durable when they return. A write under a lease that was taken over raises LeaseLost.

    One that another process does not let through for long raises JournalBusy. Reads need not wait for anybody.
    """

    async def lease(self, environment: str) -> Lease | None:
        """Who holds the environment now, if anybody."""

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
        """Take the lease, with a new generation.

        Args:
            displacing: generation of a dead holder's lease that is taken over.

        Raises:
            LeaseHeld: somebody holds it (or another generation than the one to displace does).
            JournalDamaged: some records would be hidden from whoever reads, and acts on it.
        """

    async def heartbeat(self, lease: Lease, *, at: float, doing: str) -> None: ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back. Nothing happens if it was taken over meanwhile."""

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
        """Add one record. `lease` is None only for what needs none: a request (an abort), maintenance, a note."""

    async def open_deployment(
        self, *, at: float, lease: Lease, actor: str, data: dict[str, Any], number: int | None = None
    ) -> int:
        """Append an OPENED record under the next deployment number, and return the number (from 1).

        Args:
            number: of the request that was approved, instead of the next one.
        """

    async def request_deployment(self, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> int:
        """Append a REQUESTED record under the next deployment number, and return the number. It needs no lease."""

    async def add_release(self, *, at: float, lease: Lease, actor: str, data: dict[str, Any]) -> int:
        """Append a RELEASE record under the next release number (`data["number"]`), and return it (from 1)."""

    async def records(self, deployment: int) -> list[Record]:
        """The records of a deployment, oldest first; without its measurements, which are many."""

    async def measurements(self, deployment: int) -> list[Record]:
        """The MEASURED records of a deployment, oldest first."""

    async def find(
        self,
        *,
        environment: str | None = None,
        kinds: tuple[Kind, ...],
        limit: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> list[Record]:
        """Records of these kinds, newest first.

        Args:
            after, before: only those with a greater, a smaller sequence than this.
        """

    async def outlines(self, *, environment: str | None = None, since: float | None = None) -> list[Outline]:
        """Deployments without their plans, oldest first; quick for a hundred thousand.

        Args:
            environment: None for all.
            since: only those begun then or later, in seconds since the epoch.
        """

    async def hashed(self, prefix: str) -> Record | None:
        """The first record whose hash begins so; None if there is none."""

    async def verify(self) -> Record | None:
        """The first record whose hash or place in the chain is wrong; None when the journal is whole."""

    async def salvage(self) -> Salvage:
        """What can be had of a journal that is damaged. Changes nothing."""

    async def rebuild(self, salvage: Salvage, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> str:
        """Set a damaged journal aside for good, and go on with a new one of all records that are as they were written.

        A RECOVERED record stands where the first of them is missing. Nobody holds a lease then, and no generation of
        one comes again.

        Args:
            data: what that record is to hold beside what the salvage tells.

        Returns:
            Where the old one is.

        Raises:
            JournalError: another process uses it.
        """
