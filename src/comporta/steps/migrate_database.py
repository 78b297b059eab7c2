"""Apply migrations while a release serves, and prove that it lives with them; else bring the schema back.

What it could do before is noted first (`Witness`), so a check that failed already says nothing about the migration.
What was proven stays, also when the deployment is undone: the live release lives with it, the candidate may have
written into it, and the next attempt finds nothing to do.
"""

from __future__ import annotations

from comporta.model.errors import CheckFailed, StepFailed
from comporta.model.migrations import SchemaState
from comporta.model.release import Artifact
from comporta.ports.bundle import Ports
from comporta.steps.databases import migrator, state
from comporta.steps.step import Facts, Step
from comporta.steps.witness import Witness


class MigrateDatabase(Step, frozen=True, tag="migrate-database"):
    """Attributes: `names`: of the migrations, for people; `witness`: what serves meanwhile, if anything does."""

    artifact: Artifact
    to: str
    back_to: str | None
    names: tuple[str, ...]
    witness: Witness | None

    @property
    def title(self) -> str:
        proof = f", and see that {self.witness.release.version} lives with it" if self.witness else ""
        return f"migrate the database: {', '.join(self.names)}{proof}"

    @property
    def undo_title(self) -> str:
        if self.witness is None:
            return ""
        return f"see that {self.witness.release.version} lives with the database, else migrate it back"

    async def do(self, ports: Ports, began: float) -> Facts:
        before = await ports.notebook.remembered()
        able = await self._able(ports)
        applied = await migrator(ports).upgrade(self.artifact, self.to)
        ours = bool(applied or before)
        if not ours:
            await ports.notebook.remember({"ours": False})
        try:
            await self._prove(able, ports)
        except CheckFailed as error:
            await self._back(ports, ours=ours)
            raise self._refused(error, ours=ours) from None
        return {"applied": list(applied)}

    async def undo(self, ports: Ports) -> Facts:
        noted = {key: value for facts in await ports.notebook.remembered() for key, value in facts.items()}
        if "able" not in noted or "proven" in noted or not noted.get("ours", True):
            return {}
        if self.back_to_reached(await state(ports, self.artifact)):
            return {}
        try:
            await self._prove(noted["able"], ports)
        except CheckFailed:
            await self._back(ports, ours=True)
            return {"schema": self.back_to}
        return {}

    def back_to_reached(self, now: SchemaState) -> bool:
        return now.revision == self.back_to and now.unfinished is None

    async def _able(self, ports: Ports) -> list[str]:
        for facts in await ports.notebook.remembered():
            if "able" in facts:
                return list(facts["able"])
        able = await self.witness.able(ports) if self.witness else []
        await ports.notebook.remember({"able": able})
        return able

    async def _prove(self, able: list[str], ports: Ports) -> None:
        if self.witness is not None:
            await self.witness.require(able, ports)
        await ports.notebook.remember({"proven": True})

    async def _back(self, ports: Ports, *, ours: bool) -> None:
        if ours:
            await migrator(ports).downgrade(self.artifact, self.back_to)

    def _refused(self, error: CheckFailed, *, ours: bool) -> StepFailed:
        assert self.witness is not None, "without a witness nothing is asked"
        what = "it was undone" if ours else "somebody else applied it, so it stays"
        return StepFailed(
            f"cannot keep the migration {', '.join(self.names)}: {self.witness.release.version}, which serves, "
            f"does not live with it; {what}",
            details=[error.message, *error.details],
            next="change it so that the earlier release can live with it, or move what hurts into a contract migration",
        )
