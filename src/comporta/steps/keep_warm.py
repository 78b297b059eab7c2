"""Keep the old slot up without traffic for a while, so that a rollback is instant."""

from __future__ import annotations

from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.step import Facts, Step


class KeepWarm(Step, frozen=True, tag="keep-warm"):
    """`seconds`: after this time the runtime stops the slot by itself."""

    slot: Slot
    seconds: float

    @property
    def title(self) -> str:
        return f"keep {self.slot} warm for {duration(self.seconds)}"

    @property
    def undo_title(self) -> str:
        return f"keep {self.slot} for good"

    async def do(self, ports: Ports, began: float) -> Facts:
        until = began + self.seconds
        await ports.runtime.expire(self.slot, until)
        return {"warm_until": until}

    async def undo(self, ports: Ports) -> Facts:
        await ports.runtime.expire(self.slot, None)
        return {}


def duration(seconds: float) -> str:
    """Seconds as people write them: 90 → "1m30s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g}s"
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count)
