"""Wait until the old slot has answered the requests it still has."""

from __future__ import annotations

from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.draining import drain
from comporta.steps.step import Facts, Step


class DrainSlot(Step, frozen=True, tag="drain-slot"):
    """`bound`: the longest wait, in seconds; what is in flight after it is cut when the slot is stopped."""

    slot: Slot
    bound: float

    @property
    def title(self) -> str:
        return f"drain {self.slot}, at most {self.bound:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        return await drain(self.slot, ports, deadline=began + self.bound)
