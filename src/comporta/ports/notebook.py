"""What a long step has measured, and what people ask of it while it runs. It survives the process."""

from __future__ import annotations

from typing import Any, Protocol

from comporta.model.values import Value


class Wishes(Value, frozen=True):
    """What people asked since the step began: to go on without waiting any longer (by whom), or not to go on yet."""

    promoted_by: str = ""
    paused_by: str = ""


class Notebook(Protocol):
    async def measured(self) -> list[dict[str, Any]]:
        """Everything that was measured in this deployment, by earlier steps too, oldest first."""

    async def measure(self, facts: dict[str, Any]) -> None:
        """Add a measurement (plain JSON); durable when it returns."""

    async def remember(self, facts: dict[str, Any]) -> None:
        """Note something for this step's later attempts, and for its undo; durable when it returns."""

    async def remembered(self) -> list[dict[str, Any]]:
        """What this step noted, oldest first."""

    async def wishes(self) -> Wishes: ...


class BlankNotebook:
    """The notebook of whoever acts outside of a deployment: nothing was measured, and nothing is kept."""

    async def measured(self) -> list[dict[str, Any]]:
        return []

    async def measure(self, facts: dict[str, Any]) -> None: ...

    async def remember(self, facts: dict[str, Any]) -> None: ...

    async def remembered(self) -> list[dict[str, Any]]:
        return []

    async def wishes(self) -> Wishes:
        return Wishes()
