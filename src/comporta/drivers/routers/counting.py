"""Counting requests in a proxy's log, which it writes for us: no agent, and nothing to ask of the app."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, field

from comporta.drivers.routers.log_files import LogFile, offsets, opened
from comporta.model.figures import Counts, Figures, Reading
from comporta.model.histogram import Histogram, bucket_of

NUMBER = re.compile(rb"\d{1,18}")


class Tally(Struct):
    """`times`: latencies in seconds as text → how often. There are few different ones in a second.

    Attributes:
        untimed: neither a success nor a failure of the release, such as a client that did not wait for the answer.
    """

    app_errors: int = 0
    proxy_errors: int = 0
    untimed: int = 0
    times: dict[bytes, int] = field(default_factory=dict)

    def counts(self) -> Counts:
        latencies = Histogram(counts=_buckets(self.times))
        return Counts(
            requests=latencies.total + self.app_errors + self.proxy_errors + self.untimed,
            app_errors=self.app_errors,
            proxy_errors=self.proxy_errors,
            latencies=latencies,
        )


Key = tuple[bytes, bytes, bytes]
"""Second, release and instance, as they stand in the log."""
Tallies = dict[Key, Tally]
CountLine = Callable[[bytes, Tallies], None]
"""Adds one line to the tallies; skips what is of another form."""


class RequestLog(Struct, frozen=True):
    """A proxy's log of requests.

    Attributes:
        moment_of: when the request of a line ended (seconds since the epoch); 0 for what is of another form.
    """

    path: Path
    count_line: CountLine
    moment_of: Callable[[bytes], float]

    def end(self) -> str:
        """The cursor after the last whole line.

        Raises:
            RouterError: there is no log.
        """
        with opened(self.path) as files:
            return " ".join(file.mark(file.end()) for file in files)

    def at(self, moment: float) -> str:
        """The cursor before the first line of a moment or later.

        Raises:
            RouterError: there is no log.
        """
        with opened(self.path) as files:
            return " ".join(file.mark(file.before(lambda line: self.moment_of(line) >= moment)) for file in files)

    def read(self, since: str) -> Reading:
        """Count the whole lines after the cursor, also in what was moved aside.

        Raises:
            RouterError: there is no log, or the cursor is none of ours.
        """
        tallies: Tallies = {}
        before = offsets(since)
        with opened(self.path) as files:
            marks = [file.mark(self._count(file, before.get(file.id, 0), tallies)) for file in files]
        return Reading(cursor=" ".join(marks), figures=tuple(_figures(tallies)))

    def _count(self, file: LogFile, offset: int, tallies: Tallies) -> int:
        """Count from the offset on; where the last whole line ends."""
        for lines, end in file.lines(offset):
            offset = end
            for line in lines:
                self.count_line(line, tallies)
        return offset


def seconds_in(text: bytes) -> float:
    """A moment as it stands in a log; 0 for what is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _figures(tallies: Tallies) -> Iterator[Figures]:
    for (second, release, address), tally in tallies.items():
        if NUMBER.fullmatch(second) and NUMBER.fullmatch(release):
            instance = address.rpartition(b" ")[2].decode("ascii", "replace")  # of several, the last one that was asked
            yield Figures(at=int(second), release=int(release), address=instance, counts=tally.counts())


def _buckets(times: dict[bytes, int]) -> dict[int, int]:
    """Buckets of a histogram; what is no time is left out."""
    buckets: dict[int, int] = {}
    for seconds, count in times.items():
        try:
            bucket = bucket_of(float(seconds))
        except (ValueError, OverflowError):
            continue
        buckets[bucket] = buckets.get(bucket, 0) + count
    return buckets
