"""The person at the terminal, if there is one."""

from __future__ import annotations

from typing import Any, Protocol


class Operator(Protocol):
    async def confirm(self, question: str) -> bool:
        """Ask before a planned act. `--yes` answers yes; without a terminal the answer is no."""

    async def overrule(self, question: str) -> bool:
        """Ask whether to go on in spite of a failure. Only a person can say yes: `--yes` answers no."""

    async def insist(self, question: str) -> bool:
        """Ask before data are lost: only the whole word `yes`, typed by a person, means yes. `--yes` answers no."""

    def verdict(self, verdict: Any, *, share: float, state: str) -> None:
        """Tell how a comparison stands (an `analysis.verdict.Verdict`), now. Replaces the one before.

        Args:
            share: of the requests that the candidate gets, 0 to 1.
            state: what is waited for.
        """

    def note(self, text: str) -> None:
        """Tell what is being waited for, now. Replaces the note before."""
