"""What became of users' requests, as a router counts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comporta.model.histogram import Histogram
from comporta.model.values import Value


class Counts(Value, frozen=True):
    """Some requests. `latencies` are those of the successes, in seconds.

    Attributes:
        app_errors: the app itself answered 5xx.
        proxy_errors: nobody answered (refused, reset, timed out): the request was lost.
    """

    requests: int = 0
    app_errors: int = 0
    proxy_errors: int = 0
    latencies: Histogram = Histogram()

    def __post_init__(self) -> None:
        if min(self.requests, self.app_errors, self.proxy_errors) < 0 or self.errors > self.requests:
            raise ValueError(f"errors must be 0 to all of {self.requests} requests, not {self.errors}")

    @property
    def errors(self) -> int:
        return self.app_errors + self.proxy_errors

    def plus(self, other: Counts) -> Counts:
        return Counts(
            requests=self.requests + other.requests,
            app_errors=self.app_errors + other.app_errors,
            proxy_errors=self.proxy_errors + other.proxy_errors,
            latencies=self.latencies.plus(other.latencies),
        )


class Figures(Value, frozen=True):
    """What one instance did in one second.

    Attributes:
        at: the clock's whole second in which the requests ended (seconds since the epoch).
        release: its number.
        address: the instance that answered, or did not (host:port); empty if none was chosen.
    """

    at: int
    release: int
    address: str
    counts: Counts


class Reading(Value, frozen=True):
    """The requests since a cursor, and the cursor to go on from, which only the router that gave it understands."""

    cursor: str
    figures: tuple[Figures, ...] = ()

    def of(self, release: int) -> Counts:
        return total([figures.counts for figures in self.figures if figures.release == release])

    @property
    def total(self) -> Counts:
        return total([figures.counts for figures in self.figures])


def total(parts: Iterable[Counts]) -> Counts:
    whole = Counts()
    for part in parts:
        whole = whole.plus(part)
    return whole


def span_of(figures: Sequence[Figures]) -> int:
    """Seconds from the first request to the last one, both included; 0 if there are none."""
    moments = [part.at for part in figures]
    return max(moments) - min(moments) + 1 if moments else 0
