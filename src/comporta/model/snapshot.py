"""What was observed of the world before planning."""

from __future__ import annotations

from comporta.model.release import SlotState
from comporta.model.schema import Schema
from comporta.model.traffic import Routing, Slot
from comporta.model.values import Value


class Snapshot(Value, frozen=True):
    """`schema`: the database beside the release that is about to serve; None where there is none to migrate."""

    routing: Routing
    blue: SlotState
    green: SlotState
    schema: Schema | None = None

    def slot(self, slot: Slot) -> SlotState:
        return self.blue if slot is Slot.BLUE else self.green

    @property
    def live(self) -> SlotState | None:
        """The slot that gets all the traffic; None before the first deployment."""
        live = self.routing.traffic.live
        return self.slot(live) if live else None
