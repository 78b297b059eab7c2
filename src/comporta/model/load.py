"""What became of load that was put on a release: small enough to be kept with it, and compared with another's."""

from __future__ import annotations

from comporta.model.histogram import Histogram
from comporta.model.values import Value


class LoadBlock(Value, frozen=True):
    """A stretch of load on one or more instances.

    Attributes:
        sent: requests; `failed` of them had no answer in time, or one that was an error.
        seconds: how long it was, until the last answer.
        latencies: of those that were answered well, from when each was due.
    """

    sent: int
    failed: int
    seconds: float
    latencies: Histogram

    @property
    def answered(self) -> int:
        return self.sent - self.failed

    @property
    def error_rate(self) -> float:
        return self.failed / self.sent if self.sent else 1.0

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds > 0 else 0.0

    def plus(self, other: LoadBlock) -> LoadBlock:
        """Both together, where they were at the same time."""
        return LoadBlock(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            seconds=max(self.seconds, other.seconds),
            latencies=self.latencies.plus(other.latencies),
        )


class LoadShape(Value, frozen=True):
    """The load under which releases are compared: two baselines of another shape say nothing about one another.

    Attributes:
        path: what is asked for, with GET.
        rate: requests a second, due whatever the service does, to measure latency.
        connections: how many ask at once and again as soon as they are answered, to measure throughput.
        pairs, seconds: how many blocks of each kind there are, and how long one is.
    """

    path: str
    rate: float
    connections: int
    pairs: int
    seconds: float


class Baseline(Value, frozen=True):
    """How a release bore a load: block by block, `steady` for its latency and `busy` for its throughput."""

    shape: LoadShape
    steady: tuple[LoadBlock, ...]
    busy: tuple[LoadBlock, ...]
