"""When a live release is bad enough to be taken back: a limit that was broken throughout a window, to the second.

A trigger is met at a moment when, over the window that ends there,
- the whole window is beyond the limit, and each quarter of it is: a burst is no trend;
- the first and the last second with traffic are: what lasted a second less than the window does not count, nor what
  is over already;
- the release was live and watched all the time, and ten requests (or probes) came.

It is a function of the seconds alone, so that a watch that was restarted decides as if it had run on.
"""

from __future__ import annotations

from collections.abc import Sequence

from comporta.model.spec import Trigger
from comporta.model.watching import Second, Tally, added

NAMES = {"errors": "error rate", "latency": "mean latency", "availability": "availability"}
QUARTERS = 4
ENOUGH = 10


def ratio_of(measure: str, tally: Tally) -> tuple[float, int]:
    """What is bad, and of how many: errors of requests, seconds of answers, failures of all requests and probes."""
    match measure:
        case "errors":
            return tally.errors, tally.requests
        case "latency":
            return tally.seconds, tally.timed
        case "availability":
            return tally.failed + tally.unanswered, tally.probes + tally.requests
    raise ValueError(f"unknown measure {measure!r}")


def value_of(measure: str, tally: Tally) -> float | None:
    """The measure as a number: a share, or seconds; of availability, the share that was *not* there. None: no data."""
    bad, of = ratio_of(measure, tally)
    return bad / of if of else None


def shown(measure: str, value: float) -> str:
    """A value for people, availability as the share that *was* there: "20.0 %", "12.0 s", "93.10 %"."""
    if measure == "latency":
        return f"{value:.3g} s"
    return f"{100 * value:.1f} %" if measure == "errors" else f"{100 * (1 - value):.2f} %"


def told(trigger: Trigger, tally: Tally) -> str:
    """Why a trigger is met, for people."""
    value = value_of(trigger.measure, tally) or 0.0
    side = "below" if trigger.measure == "availability" else "above"
    limit = shown(trigger.measure, trigger.limit)
    return f"{NAMES[trigger.measure]} {shown(trigger.measure, value)} for {trigger.seconds:g} s, {side} {limit}"


def met(trigger: Trigger, seconds: Sequence[Second], until: int, since: float) -> Tally | None:
    """What the window up to `until` holds if the trigger is met there; else None.

    Args:
        seconds: of the release in question, oldest first; those outside of the window do not matter.
        until: a whole second since the epoch; the window ends before it.
        since: when the release went live, or the watch began, if that was later.
    """
    begin = until - trigger.seconds
    if begin < since:
        return None
    window = [s for s in seconds if begin <= s.at < until and ratio_of(trigger.measure, s.tally)[1]]
    whole = added(s.tally for s in window)
    if ratio_of(trigger.measure, whole)[1] < ENOUGH:
        return None
    quarters = [Tally()] * QUARTERS
    for second in window:
        quarter = int((second.at - begin) * QUARTERS / trigger.seconds)
        quarters[quarter] = quarters[quarter].plus(second.tally)
    parts = [whole, *quarters, window[0].tally, window[-1].tally]
    return whole if all(_beyond(trigger, part) for part in parts) else None


def _beyond(trigger: Trigger, tally: Tally) -> bool:
    value = value_of(trigger.measure, tally)
    return value is not None and value > trigger.limit
