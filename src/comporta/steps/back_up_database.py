"""Back the database up, and see that the backup can be restored, before anything is changed in it."""

from __future__ import annotations

from comporta.ports.bundle import Ports
from comporta.steps.databases import reason, vault
from comporta.steps.step import Effect, Facts, Step


class BackUpDatabase(Step, frozen=True, tag="back-up-database"):
    """`purpose`: what is about to be done. The backup is left where it is, whatever becomes of that."""

    purpose: str

    @property
    def title(self) -> str:
        return f"back up and verify the database {self.purpose}"

    async def check(self, ports: Ports) -> Effect:
        """Within one deployment a backup that is there was made by an attempt that was cut off just after."""
        there = ports.deployment is not None and await vault(ports).find(reason(ports, self.purpose))
        return Effect.IN_PLACE if there else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        return {"backup": await vault(ports).keep(reason(ports, self.purpose))}
