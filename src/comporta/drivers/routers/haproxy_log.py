"""HAProxy's log of each request: what a line says, and how the file is kept from growing for ever.

HAProxy writes to a descriptor that it keeps for its whole life, so the file cannot be moved aside. Instead its
beginning is given back to the disk in place: no line is lost, and what was read keeps its offset.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from comporta.drivers.routers.counting import CountLine, RequestLog, Tallies, Tally, seconds_in

CLIENT = (b"C", b"c")
"""The client went away, or was too slow."""
ANSWERING = (b"D", b"L")
"""The phases after the head of the answer was there."""
LONG = 64 << 20
FIRST = 4096
"""Bytes that stay at the beginning: a file is known by its first line."""
BLOCK = 512
"""Bytes in the blocks of `st_blocks`, whatever the file system."""


def request_log(path: Path, frontend: str) -> RequestLog:
    """The requests of a frontend in a log."""
    return RequestLog(path, counter(frontend), _moment)


def _moment(line: bytes) -> float:
    return seconds_in(line.split(b"\t", 2)[1]) if b"\t" in line else 0.0


def counter(frontend: str) -> CountLine:
    """Counts the lines of a frontend; others may write into the same log."""
    name = frontend.encode()

    def count(line: bytes, tallies: Tallies) -> None:
        try:
            whose, moment, status, milliseconds, _, release, ended, address, _ = line.split(b"\t")
        except ValueError:
            return
        if whose == name:
            key = (moment[:-3], release, address if address[:1] not in b"<-" else b"")
            judge(tallies.get(key) or tallies.setdefault(key, Tally()), status, milliseconds, ended)

    return count


def judge(tally: Tally, status: bytes, milliseconds: bytes, ended: bytes) -> None:
    """One request.

    Args:
        ended: HAProxy's termination state: who ended it (`-`: nobody, it was answered), and in which phase.
    """
    by_client = ended[:1] in CLIENT
    answered = ended[:1] == b"-" or (by_client and ended[1:] in ANSWERING)
    if status == b"101":
        tally.untimed += 1  # how long a WebSocket is open, and who closes it, says nothing of the release
    elif answered and status >= b"500":
        tally.app_errors += 1
    elif by_client:
        tally.untimed += 1
    elif answered:
        seconds = milliseconds + b"e-3"
        tally.times[seconds] = tally.times.get(seconds, 0) + 1
    else:  # refused, reset, timed out, or cut in the middle of the answer
        tally.proxy_errors += 1


def trim(log: Path, *, long: int = LONG) -> None:
    """Give back the beginning of a log that holds twice as much on the disk as is worth keeping.

    Where the file system cannot do that, the log goes on growing.
    """
    found = log.stat() if log.exists() else None
    program = shutil.which("fallocate")
    if found is None or program is None or found.st_blocks * BLOCK < 2 * long:
        return
    old = ["--punch-hole", "--offset", str(FIRST), "--length", str(found.st_size - long - FIRST)]
    subprocess.run([program, *old, str(log)], check=False, capture_output=True)
