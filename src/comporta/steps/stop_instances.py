"""Stop the old slot for good: after this, the way back is a rollback."""

from __future__ import annotations

from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.health import left_behind
from comporta.steps.step import Effect, Facts, Step


class StopInstances(Step, frozen=True, tag="stop-instances"):
    reversible = False

    slot: Slot

    @property
    def title(self) -> str:
        return f"stop {self.slot}"

    async def check(self, ports: Ports) -> Effect:
        state = await ports.runtime.observe(self.slot)
        return Effect.ABSENT if state.occupant or state.instances else Effect.IN_PLACE

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.runtime.stop(self.slot)
        return await left_behind(self.slot, ports)
