"""Restore the backup from before a migration that has no way back, while users get the maintenance page."""

from __future__ import annotations

from comporta.model.errors import StepFailed
from comporta.model.release import Artifact
from comporta.ports.bundle import Ports
from comporta.steps.databases import left, own_backup, vault
from comporta.steps.step import Effect, Facts, Step


class RestoreDatabase(Step, frozen=True, tag="restore-database"):
    """Undoing it restores what an earlier step backed up, behind the page: nothing was written since.

    Attributes:
        artifact: of the release that brought the migrations.
        undone: their revisions, which the backup does not have.
        backup: its id.
        purpose: that of the backup which the earlier step made.
    """

    artifact: Artifact
    undone: tuple[str, ...]
    names: tuple[str, ...]
    backup: str
    purpose: str

    @property
    def title(self) -> str:
        return f"restore the backup {self.backup} of the database, from before {self.names[-1]}"

    @property
    def undo_title(self) -> str:
        return "restore the database as it was before"

    async def check(self, ports: Ports) -> Effect:
        return Effect.ABSENT if await left(ports, self.artifact, self.undone) else Effect.IN_PLACE

    async def do(self, ports: Ports, began: float) -> Facts:
        await vault(ports).bring_back(self.backup)
        if there := await left(ports, self.artifact, self.undone):
            raise StepFailed(f"cannot go back in the database: the backup {self.backup} has {', '.join(there)}, too")
        return {"restored": self.backup}

    async def undo(self, ports: Ports) -> Facts:
        if await self.check(ports) is Effect.ABSENT:
            return {}
        saved = await own_backup(ports, self.purpose)
        await vault(ports).bring_back(saved)
        return {"restored": saved}
