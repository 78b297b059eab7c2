"""Undo migrations that an earlier release cannot live with. If that cannot be finished, the backup is restored."""

from __future__ import annotations

from comporta.model.errors import MigrationFailed, StepFailed
from comporta.model.release import Artifact
from comporta.ports.bundle import Ports
from comporta.steps.databases import left, migrator, own_backup, state, vault
from comporta.steps.step import Effect, Facts, Step


class DowngradeDatabase(Step, frozen=True, tag="downgrade-database"):
    """Undoing it applies the migrations again: rows that were written meanwhile are kept. Only where that does not
    lead to the very schema that was backed up does the backup take over.

    Attributes:
        artifact: of the release that brought the migrations.
        undone: their revisions, the newest first.
        back_to: the revision that was the newest.
        purpose: that of the backup which an earlier step made.
    """

    artifact: Artifact
    to: str | None
    back_to: str
    undone: tuple[str, ...]
    names: tuple[str, ...]
    purpose: str

    @property
    def title(self) -> str:
        return f"undo migrations of the database: {', '.join(self.names)}"

    @property
    def undo_title(self) -> str:
        return "apply them again, or restore the backup"

    async def check(self, ports: Ports) -> Effect:
        return Effect.ABSENT if await left(ports, self.artifact, self.undone) else Effect.IN_PLACE

    async def do(self, ports: Ports, began: float) -> Facts:
        gone = await migrator(ports).downgrade(self.artifact, self.to)
        if there := await left(ports, self.artifact, self.undone):
            raise StepFailed(f"cannot go back in the database: it still has {', '.join(there)}")
        return {"undone": list(gone)}

    async def undo(self, ports: Ports) -> Facts:
        backup = await own_backup(ports, self.purpose)
        if cause := await self._apply_again(ports):
            return await self._restore(backup, cause, ports)
        if not await vault(ports).fits(backup):
            return await self._restore(backup, "the schema is not the one from before", ports)
        return {}

    async def _apply_again(self, ports: Ports) -> str:
        """Why they cannot be applied; empty: they are. Tried twice: a restart is no reason to restore."""
        cause = ""
        for _ in range(2):
            await state(ports, self.artifact)
            try:
                await migrator(ports).upgrade(self.artifact, self.back_to)
                return ""
            except MigrationFailed as error:
                cause = error.message
        return cause

    async def _restore(self, backup: str, why: str, ports: Ports) -> Facts:
        await vault(ports).bring_back(backup)
        return {"restored": backup, "why": why}
