"""Times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def clock_time(at: float) -> str:
    """Local date and time, to the second."""
    found = _date(at)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else f"{at:g} s"


def iso(at: float | None) -> str | None:
    """RFC 3339 in UTC, for scripts."""
    found = None if at is None else _date(at)
    return found.isoformat(timespec="milliseconds") if found else None


def _date(at: float) -> datetime | None:
    """None for what no calendar has, as in a record that was damaged."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def span(seconds: float | None) -> str:
    """A duration: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min"."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


AGO = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def moment(text: str, now: float) -> float:
    """Seconds since the epoch, from a date, a date and time (local where it says no zone), or how long ago: "2h", "7d".

    Raises:
        ValueError: it is none of these.
    """
    if found := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhdw])", text.removesuffix(" ago").strip()):
        return now - float(found[1]) * AGO[found[2]]
    return datetime.fromisoformat(text).astimezone().timestamp()
