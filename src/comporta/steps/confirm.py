"""Let a person decide."""

from __future__ import annotations

from comporta.model.errors import Refused
from comporta.ports.bundle import Ports
from comporta.steps.step import Facts, Step


class Confirm(Step, frozen=True, tag="confirm"):
    question: str

    @property
    def title(self) -> str:
        return "ask for confirmation"

    async def do(self, ports: Ports, began: float) -> Facts:
        if not await ports.operator.confirm(self.question):
            raise Refused("cannot go on: not confirmed", next="say yes at the prompt, or give --yes")
        return {}
