"""What holds for the log of every proxy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from comporta.drivers.routers.counting import RequestLog
from fuzz.scratch import written


def check(opened: Callable[[Path], RequestLog], first: bytes, line: re.Pattern[bytes], data: bytes) -> None:
    """Read `data` after a first line, in one go and in two.

    Args:
        line: what the proxy writes for a request of ours: each such line counts once. Another line may count at most
            once, and only where it has as many fields.
    """
    path = written("requests.log", first)
    log = opened(path)
    cursor = log.end()
    with path.open("ab") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        early = log.read(cursor)
        file.write(data[len(data) // 2 :] + b"\n")
    late, whole = log.read(early.cursor), log.read(cursor)
    assert early.total.plus(late.total) == whole.total, "a line counts twice or never where the log is read in parts"
    lines = data.split(b"\n")
    least = sum(bool(line.fullmatch(each)) for each in lines)
    most = sum(each.count(b"\t") == first.count(b"\t") for each in lines)
    assert least <= whole.total.requests <= most, f"{whole.total.requests} requests counted, of {least} to {most}"
    assert log.end() == whole.cursor
    log.at(1_700_000_000.0)
