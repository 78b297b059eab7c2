"""nginx's log of each request: what a line says."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.counting import RequestLog, Tallies, Tally, seconds_in

UNTIMED = (b"499", b"101")
"""The client did not wait for the answer, or opened a WebSocket: how long that took says nothing of the release."""


def request_log(path: Path) -> RequestLog:
    return RequestLog(path, count_line, lambda line: seconds_in(line.partition(b"\t")[0]))


def count_line(line: bytes, tallies: Tallies) -> None:
    """One line, as `log_format` in the template has it; skipped if it is not of that form, or of no release."""
    try:
        moment, status, seconds, _, release, statuses, header_times, address, _ = line.split(b"\t")
    except ValueError:
        return
    key = (moment[:-4], release, address)  # without the milliseconds
    tally = tallies.get(key) or tallies.setdefault(key, Tally())
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
