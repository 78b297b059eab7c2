"""A second reader of SQL, beside our own rules."""

from __future__ import annotations

from typing import Protocol

from comporta.model.migrations import Dialect, Hazard, Script


class Linter(Protocol):
    def reads(self, dialect: Dialect) -> bool: ...

    async def lint(self, file: str, scripts: tuple[Script, ...]) -> tuple[Hazard, ...]:
        """What it finds dangerous, as hazards with lines of the file.

        Raises:
            MissingTool: it is not installed.
        """
