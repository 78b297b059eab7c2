"""Which thresholds are crossed, and when people are told: once when one is crossed, once when it has calmed down.

Figures of a window are compared with the baseline: all traffic of the day before it. A longer window only tells what no
shorter one has told, and an alert is over when its threshold was kept for as long as the shortest window.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from comporta.analysis.triggers import ENOUGH, NAMES, ratio_of, shown, value_of
from comporta.model.spec import Thresholds
from comporta.model.values import Value
from comporta.model.watching import Tally

ENOUGH_BEFORE = 100
"""A baseline of fewer requests says nothing."""
SEVERITIES = ("critical", "degradation", "trend")


class Crossing(Value, frozen=True):
    """A threshold that is crossed now. `name` is the same as long as it is the same alert; `window` in seconds."""

    name: str
    measure: str
    window: float
    severity: str
    message: str


class Change(Value, frozen=True):
    """What people are to be told: `crossing` began, or is over."""

    crossing: Crossing
    crossed: bool


class Raised(Value, frozen=True):
    """An alert that is up, or was: when its threshold was last seen crossed."""

    crossing: Crossing
    last: float
    up: bool = True


class Alerts(Value, frozen=True):
    """All alerts by name, also those that are over: a longer window must not tell them once more."""

    raised: dict[str, Raised] = msgspec.field(default_factory=dict)

    @property
    def up(self) -> list[Crossing]:
        return [alert.crossing for alert in self.raised.values() if alert.up]

    def seen(self, crossings: Iterable[Crossing], now: float, calm: float) -> tuple[Alerts, list[Change]]:
        """The alerts after a look, and what is new.

        Args:
            calm: seconds without a crossing after which an alert is over.
        """
        raised = dict(self.raised)
        changes: list[Change] = []
        for crossing in sorted(crossings, key=lambda c: c.window):
            known = raised.get(crossing.name)
            if known is not None and known.up:
                raised[crossing.name] = Raised(crossing=known.crossing, last=now)
            elif not _told_already(crossing, raised, now):
                raised[crossing.name] = Raised(crossing=crossing, last=now)
                changes.append(Change(crossing=crossing, crossed=True))
        for name, alert in raised.items():
            if alert.up and now - alert.last >= calm:
                raised[name] = msgspec.structs.replace(alert, up=False)
                changes.append(Change(crossing=alert.crossing, crossed=False))
        return Alerts(raised=raised), changes


def _told_already(crossing: Crossing, raised: dict[str, Raised], now: float) -> bool:
    """A shorter window of the same measure has told of what this one still holds."""
    return any(
        alert.crossing.measure == crossing.measure
        and alert.crossing.window < crossing.window
        and now - alert.last < crossing.window
        for alert in raised.values()
    )


def crossings(spec: Thresholds, window: float, now: Tally, baseline: Tally) -> list[Crossing]:
    """The thresholds that one window crosses."""
    severity = SEVERITIES[min(spec.windows.index(window), len(SEVERITIES) - 1)]
    found: list[Crossing] = []
    for measure in NAMES:
        value, limit = value_of(measure, now), _limit(spec, measure, baseline)
        if value is not None and limit is not None and value > limit and ratio_of(measure, now)[1] >= ENOUGH:
            name = f"{measure}-{window:g}"
            message = f"{NAMES[measure]} {shown(measure, value)} over {window:g} s, allowed {shown(measure, limit)}"
            found.append(Crossing(name=name, measure=measure, window=window, severity=severity, message=message))
    return found


def _limit(spec: Thresholds, measure: str, baseline: Tally) -> float | None:
    if measure == "availability":
        return None if spec.availability is None else 1 - spec.availability
    usual = value_of(measure, baseline) if ratio_of(measure, baseline)[1] >= ENOUGH_BEFORE else None
    if usual is None:
        return None
    if measure == "errors":
        return None if spec.errors_increase is None else usual + spec.errors_increase
    return None if spec.latency_increase is None else usual * (1 + spec.latency_increase)
