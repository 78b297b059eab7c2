"""Counting requests in the access log, which nginx writes for us: no agent, and nothing to ask of the app."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from comporta.model.errors import RouterError
from comporta.model.traffic import Slot, TrafficCount, TrafficReading

CHUNK = 1 << 20


@dataclass
class _Tally:
    requests: int = 0
    app_errors: int = 0
    proxy_errors: int = 0
    seconds: float = 0.0

    def count(self) -> TrafficCount:
        return TrafficCount(
            requests=self.requests,
            app_errors=self.app_errors,
            proxy_errors=self.proxy_errors,
            seconds=round(self.seconds, 3),
        )


def end_of(log: Path) -> str:
    """The cursor after the last whole line.

    Raises:
        RouterError: there is no log.
    """
    with _opened(log) as file:
        return _cursor(file, _after_last_line(file))


def read(log: Path, since: str) -> TrafficReading:
    """Count the whole lines after the cursor; a log that was moved aside is read to its end first.

    Raises:
        RouterError: there is no log, or the cursor is none of ours.
    """
    tallies = {slot.value.encode(): _Tally() for slot in Slot}
    inode, offset = _parsed(since)
    with _opened(log) as file:
        if _inode(file) != inode:
            _finish_moved(log, inode, offset, tallies)
        # Another log, or one that was cut: all that is in it is new.
        same = _inode(file) == inode and offset <= file.seek(0, 2)
        end = _tally(file, offset if same else 0, tallies)
        counts = {slot: tallies[slot.value.encode()].count() for slot in Slot}
        return TrafficReading(cursor=_cursor(file, end), blue=counts[Slot.BLUE], green=counts[Slot.GREEN])


def _finish_moved(log: Path, inode: int, offset: int, tallies: dict[bytes, _Tally]) -> None:
    for path in log.parent.glob(f"{log.name}.*"):
        if path.stat().st_ino == inode:
            with path.open("rb") as file:
                _tally(file, offset, tallies)


def _tally(file: BinaryIO, offset: int, tallies: dict[bytes, _Tally]) -> int:
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


def _count(line: bytes, tallies: dict[bytes, _Tally]) -> None:
    """One line, as `log_format` in the template has it; skipped if it is not of that form, or of no slot."""
    try:
        _, _, seconds, slot, _, statuses, header_times, _, _ = line.split(b"\t")
        tally = tallies[slot]
        tally.seconds += float(seconds)
    except (ValueError, KeyError):
        return
    tally.requests += 1
    # "502, 200": the first instance asked did not answer, another one did. The last one is what the user got.
    status = statuses.rpartition(b" ")[2]
    if header_times.rpartition(b" ")[2] != b"-":
        tally.app_errors += status >= b"500"
    elif status in (b"502", b"504"):
        tally.proxy_errors += 1


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
