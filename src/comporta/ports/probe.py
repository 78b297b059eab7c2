"""One question to one target."""

from __future__ import annotations

from typing import Any, Protocol

from comporta.model.checks import CheckResult, Target


class Probe(Protocol):
    """Asks once. A failing answer is a result, not an exception."""

    async def ask(self, check: Any, target: Target) -> CheckResult: ...
