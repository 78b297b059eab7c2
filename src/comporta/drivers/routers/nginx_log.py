"""Counting requests in the access log, which nginx writes for us: no agent, and nothing to ask of the app."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from comporta.model.errors import RouterError
from comporta.model.figures import Counts, Figures, Reading
from comporta.model.histogram import Histogram, bucket_of

CHUNK = 1 << 20
NEAR = 4096
"""Bytes from which on looking at each line is quicker than halving."""
CLIENT_GONE = b"499"
"""The client did not wait for the answer: neither a success nor a failure of the release."""

Key: TypeAlias = "tuple[bytes, bytes, bytes]"
"""Second, release and instance, as they stand in the log."""


@dataclass(slots=True)
class _Tally:
    """`times`: request times as they stand in the log → how often. There are few different ones in a second."""

    app_errors: int = 0
    proxy_errors: int = 0
    clients_gone: int = 0
    times: dict[bytes, int] = field(default_factory=dict)

    def counts(self) -> Counts:
        latencies = Histogram(counts=_buckets(self.times))
        return Counts(
            requests=latencies.total + self.app_errors + self.proxy_errors + self.clients_gone,
            app_errors=self.app_errors,
            proxy_errors=self.proxy_errors,
            latencies=latencies,
        )


def end_of(log: Path) -> str:
    """The cursor after the last whole line.

    Raises:
        RouterError: there is no log.
    """
    with _opened(log) as file:
        return _cursor(file, _after_last_line(file))


def at(log: Path, moment: float) -> str:
    """The cursor before the first line of a moment (seconds since the epoch) or later, by bisection.

    Raises:
        RouterError: there is no log.
    """
    with _opened(log) as file:
        low, high = 0, _after_last_line(file)
        while high - low > NEAR:
            middle = (low + high) // 2
            file.seek(middle)
            start = middle + len(file.readline())
            line = file.readline()
            if start < high and _moment(line) < moment:
                low = start + len(line)
            else:
                high = middle
        file.seek(low)
        while (line := file.readline()).endswith(b"\n") and _moment(line) < moment:
            low += len(line)
        return _cursor(file, low)


def read(log: Path, since: str) -> Reading:
    """Count the whole lines after the cursor; a log that was moved aside is read to its end first.

    Raises:
        RouterError: there is no log, or the cursor is none of ours.
    """
    tallies: dict[Key, _Tally] = {}
    inode, offset = _parsed(since)
    with _opened(log) as file:
        if _inode(file) != inode:
            _finish_moved(log, inode, offset, tallies)
        # Another log, or one that was cut: all that is in it is new.
        same = _inode(file) == inode and offset <= file.seek(0, 2)
        end = _tally(file, offset if same else 0, tallies)
        return Reading(cursor=_cursor(file, end), figures=tuple(_figures(tallies)))


def _finish_moved(log: Path, inode: int, offset: int, tallies: dict[Key, _Tally]) -> None:
    for path in log.parent.glob(f"{log.name}.*"):
        if path.stat().st_ino == inode:
            with path.open("rb") as file:
                _tally(file, offset, tallies)


def _tally(file: BinaryIO, offset: int, tallies: dict[Key, _Tally]) -> int:
    """Count from the offset on; where the last whole line ends."""
    for lines, end in _chunks(file, offset):
        offset = end
        for line in lines:
            _count(line, tallies)
    return offset


def _chunks(file: BinaryIO, offset: int) -> Iterator[tuple[list[bytes], int]]:
    """Whole lines in portions, each with the offset after it."""
    file.seek(offset)
    rest = b""
    while chunk := file.read(CHUNK):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            offset += len(whole) + 1
            yield whole.split(b"\n"), offset


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
    if status == CLIENT_GONE:
        tally.clients_gone += 1
    else:
        tally.times[seconds] = tally.times.get(seconds, 0) + 1


def _figures(tallies: dict[Key, _Tally]) -> Iterator[Figures]:
    for (second, release, address), tally in tallies.items():
        if second.isdigit() and release.isdigit():
            asked = address.rpartition(b" ")[2].decode("ascii", "replace")
            yield Figures(at=int(second), release=int(release), address=asked, counts=tally.counts())


def _buckets(times: dict[bytes, int]) -> dict[int, int]:
    """Buckets of a histogram; what is no time is left out."""
    buckets: dict[int, int] = {}
    for seconds, count in times.items():
        try:
            bucket = bucket_of(float(seconds))
        except ValueError:
            continue
        buckets[bucket] = buckets.get(bucket, 0) + count
    return buckets


def _moment(line: bytes) -> float:
    """When the request of a line ended; 0 for what is no line of ours."""
    try:
        return float(line.partition(b"\t")[0])
    except ValueError:
        return 0.0


def _after_last_line(file: BinaryIO) -> int:
    position = file.seek(0, 2)
    while position > 0:
        start = max(0, position - CHUNK)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("rb")
    except OSError as error:
        raise RouterError(f"cannot count requests: {log}: {error.strerror}") from None


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino


def _cursor(file: BinaryIO, offset: int) -> str:
    return f"{_inode(file)}:{offset}"


def _parsed(cursor: str) -> tuple[int, int]:
    inode, _, offset = cursor.partition(":")
    if not (inode.isdigit() and offset.isdigit()):
        raise RouterError(f"cannot count requests: {cursor!r} is no cursor of this router")
    return int(inode), int(offset)
