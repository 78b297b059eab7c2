"""What the process runtime keeps in the folder of a slot beside who sits there: what was launched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from comporta.drivers.runtimes import seat
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot


class Launched(NamedTuple):
    """What the launcher wrote when it became an instance. `at`: seconds since the epoch."""

    launches: int
    pid: int
    at: float


class Seat(seat.Seat):
    """A seat whose occupant is a supervisord with its instances."""

    @property
    def marker(self) -> str:
        """Stands in the environment of every process of this slot, and of no other."""
        return str(self.path)

    def clear(self) -> None:
        for index in self.launched():
            self.forget_launches(index)
        super().clear()

    def launched(self) -> dict[int, Launched]:
        """By index of the instance. What was just removed, or was never whole, is left out."""
        found = {}
        for path in self.path.glob("instance-*.json"):
            try:
                found[int(path.stem.removeprefix("instance-"))] = Launched(**json.loads(path.read_bytes()))
            except (OSError, ValueError, TypeError):
                continue
        return found

    def forget_launches(self, index: int) -> None:
        (self.path / f"instance-{index}.json").unlink(missing_ok=True)


def seat_of(spec: EnvironmentSpec, slot: Slot) -> Seat:
    return Seat(Path(spec.state) / spec.environment / "process" / slot.value)
