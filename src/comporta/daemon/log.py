"""What `comporta serve` tells: a line for whatever ends or needs a person, for a log that adds the time itself."""

from __future__ import annotations

from typing import Any

from comporta.cli.printing import say
from comporta.steps.plan import Plan
from comporta.steps.step import Facts


class Log:
    """Implements the Reporter and the Operator for an environment. Nobody can be asked."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def notice(self, text: str) -> None:
        say(f"{self._environment}: {text}")

    def planned(self, deployment: int, plan: Plan) -> None:
        self.notice(f"deployment {deployment}: {plan.release} ({plan.strategy})")

    def step_ends(self, index: int, title: str, *, undoing: bool, facts: Facts, error: str) -> None:
        self.notice(f"{'undo: ' if undoing else ''}{title}: {error or 'done'}")

    def stage(self, title: str) -> None: ...
    def step_begins(self, index: int, title: str, *, undoing: bool, resumed: bool) -> None: ...
    def verdict(self, verdict: Any, *, share: float, state: str) -> None: ...
    def note(self, text: str) -> None: ...

    async def confirm(self, question: str) -> bool:
        """Only what a person has planned is resumed here."""
        return True

    async def overrule(self, question: str) -> bool:
        return False

    async def insist(self, question: str) -> bool:
        return False
