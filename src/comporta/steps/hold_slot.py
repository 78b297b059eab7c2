"""Take a warm slot out of its countdown, because it is about to serve again."""

from __future__ import annotations

from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.step import Effect, Facts, Step


class HoldSlot(Step, frozen=True, tag="hold-slot"):
    """`warm_until`: when the runtime would have stopped it (epoch seconds)."""

    slot: Slot
    warm_until: float | None

    @property
    def title(self) -> str:
        return f"hold the warm {self.slot}"

    @property
    def undo_title(self) -> str:
        return f"let {self.slot} expire as before"

    async def check(self, ports: Ports) -> Effect:
        state = await ports.runtime.observe(self.slot)
        held = state.occupant is not None and state.occupant.warm_until is None
        return Effect.IN_PLACE if held else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.runtime.expire(self.slot, None)
        return {}

    async def undo(self, ports: Ports) -> Facts:
        await ports.runtime.expire(self.slot, self.warm_until)
        return {}
