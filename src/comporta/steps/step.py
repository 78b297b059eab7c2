"""What every step is: data that can be stored, and three idempotent verbs."""

from __future__ import annotations

import enum
from typing import Any, ClassVar

from comporta.model.values import Value
from comporta.ports.bundle import Ports

Facts = dict[str, Any]
"""What a step found out, as plain JSON: it is written to the journal with the result."""


class Effect(enum.StrEnum):
    """What `check` sees of a step's effect."""

    IN_PLACE = "in-place"
    ABSENT = "absent"
    FOREIGN = "foreign"
    """Neither what the step makes nor what was there before: somebody else changed the world."""


class Step(Value, frozen=True):
    """The smallest thing that can be done, checked and undone.

    The fields hold everything that `do` and `undo` need, computed when planning: nothing is remembered in memory,
    so a plan survives a restart. Both verbs are idempotent: they may be called again after a crash in the middle.
    """

    reversible: ClassVar[bool] = True
    """False: once begun, the deployment can only go forward (the point of no return)."""
    exposes: ClassVar[bool] = False
    """True: from this step on, users see the new release."""

    @property
    def title(self) -> str:
        """What `do` does, as a phrase for people: "start 3 instances of 1.1.0 in green"."""
        raise NotImplementedError

    @property
    def undo_title(self) -> str:
        """What `undo` does; empty if it does nothing."""
        return ""

    async def check(self, ports: Ports) -> Effect:
        """Whether the effect is there. A step that only looks or waits has none: it is always done again."""
        return Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        """Bring about the effect.

        Args:
            began: when the step was first begun (seconds since the epoch), also before a crash: deadlines count
                from there.

        Raises:
            ComportaError: it cannot be done; what was done of it is undone by `undo`.
        """
        raise NotImplementedError

    async def undo(self, ports: Ports) -> Facts:
        """Bring back what was there before, whether `do` ran whole, in part or not at all."""
        return {}
