"""Load that is made on purpose, to see how a release bears it."""

from __future__ import annotations

from typing import Protocol

from comporta.model.checks import Target
from comporta.model.load import LoadBlock


class Load(Protocol):
    """GET requests to one target. A status from 200 to 399 is an answer; everything else has failed."""

    async def steady(self, target: Target, path: str, *, rate: float, seconds: float, timeout: float) -> LoadBlock:
        """Requests that are due at `rate` a second, however slowly others are answered: latency counts from then."""

    async def busy(self, target: Target, path: str, *, connections: int, seconds: float, timeout: float) -> LoadBlock:
        """So many clients, each of which asks again as soon as it has its answer: what the target can do."""
