"""The person at the terminal, if there is one."""

from __future__ import annotations

from typing import Protocol


class Operator(Protocol):
    async def confirm(self, question: str) -> bool:
        """Ask yes or no. Without a terminal the answer is no, unless the command said --yes."""

    def note(self, text: str) -> None:
        """Tell what is being waited for, now. Replaces the note before."""
