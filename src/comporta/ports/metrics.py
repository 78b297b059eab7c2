"""A source of measurements beside the router's own log."""

from __future__ import annotations

from typing import Protocol


class MetricSource(Protocol):
    async def value(self, query: str) -> float | None:
        """What the query, in the source's own language, says now: a finite number; None: there is no data.

        Raises:
            MetricSourceFailure: nobody answers, the query is refused, or its answer is not one number.
        """
