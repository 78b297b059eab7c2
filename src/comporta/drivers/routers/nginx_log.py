"""Counting requests in the access log, which nginx writes for us: no agent, and nothing to ask of the app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from comporta.drivers.routers.nginx_log_files import LogFile, offsets, opened
from comporta.model.figures import Counts, Figures, Reading
from comporta.model.histogram import Histogram, bucket_of

UNTIMED = (b"499", b"101")
"""The client did not wait for the answer, or opened a WebSocket: how long that took says nothing of the release."""
NUMBER = re.compile(rb"\d{1,18}")

Key: TypeAlias = "tuple[bytes, bytes, bytes]"
"""Second, release and instance, as they stand in the log."""


@dataclass(slots=True)
class _Tally:
    """`times`: request times as they stand in the log → how often. There are few different ones in a second."""

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


def end_of(log: Path) -> str:
    """The cursor after the last whole line.

    Raises:
        RouterError: there is no log.
    """
    with opened(log) as files:
        return " ".join(file.mark(file.end()) for file in files)


def read(log: Path, since: str) -> Reading:
    """Count the whole lines after the cursor, also in what was moved aside.

    Raises:
        RouterError: there is no log, or the cursor is none of ours.
    """
    tallies: dict[Key, _Tally] = {}
    before = offsets(since)
    with opened(log) as files:
        marks = [file.mark(_tally(file, before.get(file.id, 0), tallies)) for file in files]
    return Reading(cursor=" ".join(marks), figures=tuple(_figures(tallies)))


def _tally(file: LogFile, offset: int, tallies: dict[Key, _Tally]) -> int:
    """Count from the offset on; where the last whole line ends."""
    for lines, end in file.lines(offset):
        offset = end
        for line in lines:
            _count(line, tallies)
    return offset


def _count(line: bytes, tallies: dict[Key, _Tally]) -> None:
    """One line, as `log_format` in the template has it; skipped if it is not of that form, or of no release."""
    try:
        moment, status, seconds, _, release, statuses, header_times, address, _ = line.split(b"\t")
    except ValueError:
        return
    key = (moment[:-4], release, address)  # without the milliseconds
    tally = tallies.get(key) or tallies.setdefault(key, _Tally())
    # "502, 200": the first instance asked did not answer, another one did. The last one is what the user got.
    last = statuses.rpartition(b" ")[2]
    if header_times.rpartition(b" ")[2] != b"-":
        if last >= b"500":
            tally.app_errors += 1
            return
    elif last in (b"502", b"504"):
        tally.proxy_errors += 1
        return
    if status in UNTIMED:
        tally.untimed += 1
    else:
        tally.times[seconds] = tally.times.get(seconds, 0) + 1


def _figures(tallies: dict[Key, _Tally]) -> Iterator[Figures]:
    for (second, release, address), tally in tallies.items():
        if NUMBER.fullmatch(second) and NUMBER.fullmatch(release):
            asked = address.rpartition(b" ")[2].decode("ascii", "replace")
            yield Figures(at=int(second), release=int(release), address=asked, counts=tally.counts())


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
