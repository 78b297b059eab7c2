"""Asking for the further metrics. A source that says nothing is no reason to abort, and none to promote."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from comporta.model.errors import MetricSourceFailure
from comporta.model.queries import fill
from comporta.model.spec import MetricQuery
from comporta.model.traffic import Slot, Traffic
from comporta.ports.metrics import MetricSource


class Answers(NamedTuple):
    """The values there are now, by name; `lacking` has the queries without one, each with the reason."""

    candidate: dict[str, float]
    stable: dict[str, float]
    lacking: tuple[str, ...]


class FurtherMetrics(Struct, frozen=True):
    """The queries, and whom they are about: the candidate in its slot and, where it is compared, stable beside it."""

    queries: tuple[MetricQuery, ...]
    traffic: Traffic
    slot: Slot

    async def ask(self, source: MetricSource | None) -> Answers:
        """Each query once for each role that it is about."""
        answers = Answers({}, {}, ())
        lacking: list[str] = []
        for query in self.queries:
            try:
                answers.candidate[query.name] = await self._value(query, self.slot, source)
                if query.max_ratio is not None:
                    self._require_difference(query)
                    answers.stable[query.name] = await self._value(query, self.slot.other, source)
            except MetricSourceFailure as failure:
                lacking.append(f"{query.name}: {failure.message}")
        return answers._replace(lacking=tuple(lacking))

    async def _value(self, query: MetricQuery, slot: Slot, source: MetricSource | None) -> float:
        assert source is not None, "a spec with queries has a source"
        value = await source.value(self._filled(query, slot))
        if value is None:
            raise MetricSourceFailure(f"no data of {'the candidate' if slot is self.slot else 'stable'}")
        return value

    def _require_difference(self, query: MetricQuery) -> None:
        """A version that is deployed once more has the name of the one that serves."""
        if self._filled(query, self.slot) == self._filled(query, self.slot.other):
            raise MetricSourceFailure("the query is the same for both roles: tell them apart by {release} or {slot}")

    def _filled(self, query: MetricQuery, slot: Slot) -> str:
        release = self.traffic.release_in(slot)
        assert release is not None, "both slots serve while they are compared"
        return fill(query.query, slot, release)
