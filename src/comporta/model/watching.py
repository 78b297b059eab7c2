"""What a watch counts, second by second: users' requests, and its own questions when there are none."""

from __future__ import annotations

from collections.abc import Iterable

from comporta.model.figures import Counts
from comporta.model.values import Value


class Tally(Value, frozen=True):
    """Counts that can be added up.

    Attributes:
        requests: of users; `errors` of them failed, `unanswered` of those because no instance answered.
        seconds: the sum of `timed` latencies.
        probes: questions of the watch itself; `failed` of them had a wrong answer or none.
    """

    requests: int = 0
    errors: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    timed: int = 0
    probes: int = 0
    failed: int = 0

    @classmethod
    def of(cls, counts: Counts) -> Tally:
        seconds, _ = counts.latencies.moments()
        return cls(
            requests=counts.requests,
            errors=counts.errors,
            unanswered=counts.proxy_errors,
            seconds=seconds,
            timed=counts.latencies.total,
        )

    def plus(self, other: Tally) -> Tally:
        return Tally(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            unanswered=self.unanswered + other.unanswered,
            seconds=self.seconds + other.seconds,
            timed=self.timed + other.timed,
            probes=self.probes + other.probes,
            failed=self.failed + other.failed,
        )


class Second(Value, frozen=True):
    """One second (`at`, since the epoch) of one release."""

    at: int
    release: int
    tally: Tally


def added(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole = whole.plus(tally)
    return whole
