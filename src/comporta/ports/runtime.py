"""The driver that starts and stops the instances of a slot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Protocol

from comporta.model.release import Artifact, Leftover, LogLine, Occupant, SlotState
from comporta.model.traffic import Slot


class Runtime(Protocol):
    """Every verb is idempotent, and safe to repeat after a crash in the middle of it."""

    async def resolve(self, version: str) -> Artifact:
        """Locate (or build) the artifact of a version and take its identity. Changes nothing that runs.

        Raises:
            ArtifactMissing: there is no such version; the error says where it was looked for.
        """

    async def verify(self, artifact: Artifact) -> None:
        """The artifact of an earlier release is still there, unchanged.

        Raises:
            ArtifactMissing: it is gone, or its content has another identity now.
        """

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        """Where the instances of the slot answer (host:port), in order of their index, whether up or not."""

    async def start(self, slot: Slot, occupant: Occupant, *, deployment: int | None = None) -> None:
        """Bring the slot to exactly this occupant: another release or artifact that sits there is stopped first.

        If the same release already runs, with whatever number of instances, it is scaled: those that run and are
        wanted are left alone, also while the slot is kept warm; missing ones are started; surplus ones, the highest
        index first, are stopped as in `stop`. `observe` shows the new number from then on.

        Args:
            deployment: the number of the one that asks for it, if any: to be noted where a runtime notes things.

        Returns when all instances are launched and the surplus has ended; health is for the probes to say.

        Raises:
            RuntimeFailure: an instance cannot be launched, or a port is taken (the holder is named), or the slot
                was started without room for so many instances.
        """

    async def observe(self, slot: Slot) -> SlotState:
        """The slot as it is now, including instances that another process, or an earlier crash, left there."""

    async def stop(self, slot: Slot) -> None:
        """Stop all instances (SIGTERM, the release's grace time, SIGKILL) and free the slot.

        Logs stay readable: while the slot is empty, and once more as the previous ones after it is used again.
        """

    async def expire(self, slot: Slot, at: float | None, *, failed: bool = False) -> None:
        """Stop the slot by itself at a time (seconds since the epoch), also when no comporta runs; None: never.

        `observe` shows it as the occupant's `warm_until`, and `failed` (it is kept for a look, not for a rollback)
        as the occupant's own, until the next `expire` or `start`.
        """

    def logs(
        self, slot: Slot, *, lines: int, follow: bool = False, index: int | None = None, previous: bool = False
    ) -> AsyncIterator[LogLine]:
        """The last `lines` lines of each instance (or of one), oldest first.

        Args:
            follow: and what comes after.
            previous: of the occupant before the present or last one.
        """

    @property
    def keep(self) -> int:
        """So many releases that served before the live one stay at hand for a rollback."""

    async def leftovers(
        self, known: Collection[Artifact], needed: Collection[Artifact], *, ours: bool = False
    ) -> tuple[Leftover, ...]:
        """What old releases left behind, also what a removal that was cut off left. Changes nothing.

        Only what is certainly of a release: what has another content than it had then is somebody else's by now.

        Args:
            known: of every release of this environment.
            needed: which of them, and of those of other environments, must stay as they are.
            ours: only what comporta made itself; quick.

        Raises:
            RuntimeFailure: it cannot be told everywhere.
        """

    async def discard(self, leftover: Leftover) -> None:
        """Remove it. Nothing happens if it is gone; what somebody else has begun to use meanwhile stays.

        Raises:
            RuntimeFailure: it is still there, or a part of it, which the next `leftovers` shows again.
        """
