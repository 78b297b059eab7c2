"""Give a slot more instances; those that run stay as they are."""

from __future__ import annotations

from comporta.model.release import Occupant
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.start_instances import same
from comporta.steps.step import Effect, Facts, Step


class ScaleInstances(Step, frozen=True, tag="scale-instances"):
    slot: Slot
    to: Occupant
    back_to: Occupant

    @property
    def title(self) -> str:
        return f"scale {self.slot} from {self.back_to.instances} to {self.to.instances} instances"

    async def check(self, ports: Ports) -> Effect:
        state = await ports.runtime.observe(self.slot)
        if state.occupant is not None and same(state.occupant, self.to):
            return Effect.IN_PLACE if state.running else Effect.ABSENT
        return Effect.ABSENT if state.occupant is None or same(state.occupant, self.back_to) else Effect.FOREIGN

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.runtime.start(self.slot, self.to)
        return {}
