"""How well deploying goes: deployments in outline → levels kept or missed, and the four DORA figures. Pure.

The figures are those of DORA's "four keys" (dora.dev/guides/dora-metrics-four-keys), as far as a journal of deployments
can tell them; what each one counts, and what it cannot know, stands at its field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from comporta.model.journal import Outcome
from comporta.model.outlines import Outline
from comporta.model.spec import ServiceLevelsSpec
from comporta.model.values import Value

DAY = 86400.0
ROLLBACK = "rollback"
PROMOTED, ROLLED_BACK = Outcome.PROMOTED, Outcome.ROLLED_BACK
REACHED_USERS = (PROMOTED, ROLLED_BACK, Outcome.INCIDENT)
UNCOUNTED = (None, Outcome.SUPERSEDED)
PART = 0.95
"""A duration is kept if this part of the deployments took no longer: one stuck deployment in a hundred is no trend."""
BARS = 30


class Level(Value, frozen=True):
    """One promise, and how it was kept.

    Attributes:
        name: "success", "deployment", "rollback" or "lost".
        limit: the promise: a share, seconds, seconds, requests.
        value: what was: the share that was promoted; the seconds in which 95 % were; the requests lost. None where
            there was nothing to count.
        counted: how many deployments it is made of.
        worst: the longest, or the most that one deployment lost; None for a share.
    """

    name: str
    limit: float
    value: float | None
    counted: int
    worst: float | None = None

    @property
    def kept(self) -> bool:
        """Where there is no evidence, nothing was missed."""
        if self.value is None:
            return True
        return self.value >= self.limit if self.name == "success" else self.value <= self.limit


class Group(Value, frozen=True):
    """The levels of some deployments: of one environment and strategy, or (both None) of all."""

    deployments: int
    levels: tuple[Level, ...]
    environment: str | None = None
    strategy: str | None = None

    @property
    def kept(self) -> bool:
        return all(level.kept for level in self.levels)


class Dora(Value, frozen=True):
    """The four figures; None where there is nothing to count.

    Attributes:
        per_day: promoted deployments a day; rollbacks are none.
        lead_time: median seconds from a release's first record to the end of the deployment that promoted it. What
            lies before (commit, review, build) is unknown here.
        change_failure_rate: of the deployments that reached users, the share that had to be repaired: undone after
            the switch, an incident, or promoted and then rolled back.
        time_to_restore: median seconds from when somebody acted (the failing step, an abort, the begin of the rollback)
            to the end. How long users suffered before that is unknown here.
        changes, failures, restores: how many deployments the figures are made of.
    """

    per_day: float
    lead_time: float | None
    change_failure_rate: float | None
    time_to_restore: float | None
    changes: int
    failures: int
    restores: int


class Bar(Value, frozen=True):
    """A stretch of the window, for a chart. `slowest`: seconds in which 95 % were promoted; None: none was."""

    at: float
    promoted: int
    failed: int
    slowest: float | None


class Window(Value, frozen=True):
    """What was between `since` and `until` (epoch seconds): all together, by environment and strategy, over time."""

    since: float
    until: float
    whole: Group
    groups: tuple[Group, ...]
    dora: Dora
    bars: tuple[Bar, ...]


def over(outlines: Sequence[Outline], since: float, until: float, spec: ServiceLevelsSpec) -> Window:
    """The figures of the deployments that began in the window. `outlines` are oldest first."""
    within = [each for each in outlines if since <= each.started <= until]
    by: dict[tuple[str, str], list[Outline]] = {}
    for each in within:
        by.setdefault((each.environment, each.strategy), []).append(each)
    counts = {key: _counted(key[1], members) for key, members in sorted(by.items())}
    return Window(
        since=since,
        until=until,
        whole=_group(_all(counts.values()), spec),
        groups=tuple(_group(counted, spec, *key) for key, counted in counts.items()),
        dora=_dora(within, (until - since) / DAY),
        bars=tuple(_bars(within, since, until)),
    )


class _Counted(NamedTuple):
    """What the levels of some deployments are made of: each is looked at once, however many groups it belongs to.

    Attributes:
        changes: how many ended that were no rollbacks.
        promoted, restored: how many seconds each took that was promoted, of the changes and of the rollbacks.
        lost: requests lost by each of which that is known.
    """

    deployments: int
    changes: int
    promoted: list[float]
    restored: list[float]
    lost: list[int]


def _counted(strategy: str, outlines: Sequence[Outline]) -> _Counted:
    ended = [each for each in outlines if each.outcome not in UNCOUNTED]
    lost = [each.lost for each in ended if each.lost is not None]
    taken = _promoted_in(ended)
    if strategy == ROLLBACK:
        return _Counted(len(outlines), 0, [], taken, lost)
    return _Counted(len(outlines), len(ended), taken, [], lost)


def _all(counts: Iterable[_Counted]) -> _Counted:
    deployments = changes = 0
    promoted: list[float] = []
    restored: list[float] = []
    lost: list[int] = []
    for each in counts:
        deployments += each.deployments
        changes += each.changes
        promoted += each.promoted
        restored += each.restored
        lost += each.lost
    return _Counted(deployments, changes, sorted(promoted), sorted(restored), lost)


def _group(
    counted: _Counted, spec: ServiceLevelsSpec, environment: str | None = None, strategy: str | None = None
) -> Group:
    success = len(counted.promoted) / counted.changes if counted.changes else None
    lost = counted.lost
    levels = (
        Level(name="success", limit=spec.success, value=success, counted=counted.changes),
        _duration("deployment", spec.deployment, counted.promoted),
        _duration("rollback", spec.rollback, counted.restored),
        Level(
            name="lost",
            limit=spec.lost,
            value=sum(lost) if lost else None,
            counted=len(lost),
            worst=max(lost, default=None),
        ),
    )
    return Group(deployments=counted.deployments, levels=levels, environment=environment, strategy=strategy)


def _duration(name: str, limit: float, taken: Sequence[float]) -> Level:
    """Args: taken: in order."""
    worst = taken[-1] if taken else None
    return Level(name=name, limit=limit, value=_at(taken, PART), counted=len(taken), worst=worst)


def _dora(outlines: Sequence[Outline], days: float) -> Dora:
    taken_back, restores = _repairs(outlines)
    changes = [each for each in outlines if each.outcome in REACHED_USERS and each.strategy != ROLLBACK]
    promoted = [each for each in changes if each.outcome is PROMOTED]
    failures = len(changes) - len(promoted) + taken_back
    lead = [each.ended - each.created for each in promoted if each.created is not None and each.ended is not None]
    return Dora(
        per_day=len(promoted) / days if days > 0 else 0.0,
        lead_time=_at(sorted(lead), 0.5),
        change_failure_rate=failures / len(changes) if changes else None,
        time_to_restore=_at(sorted(restores), 0.5),
        changes=len(changes),
        failures=failures,
        restores=len(restores),
    )


def _repairs(outlines: Iterable[Outline]) -> tuple[int, list[float]]:
    """How many promoted deployments were taken back by a later rollback, and how long each repair took."""
    live: dict[str, Outline] = {}
    seconds: list[float | None] = []
    taken_back = 0
    for each in outlines:
        promoted = each.outcome is PROMOTED
        if each.strategy == ROLLBACK and promoted:
            # A second rollback in a row goes further back: the change that failed is the same.
            taken_back += live.pop(each.environment, None) is not None
            seconds.append(_between(each.started, each.ended))
        elif promoted:
            live[each.environment] = each
        elif each.outcome is ROLLED_BACK:
            seconds.append(_between(each.failed, each.ended))
    return taken_back, [each for each in seconds if each is not None]


def _bars(outlines: Sequence[Outline], since: float, until: float) -> Iterable[Bar]:
    width = (until - since) / BARS or 1.0
    stretches: dict[int, list[Outline]] = {}
    for each in outlines:
        if each.outcome is not None and each.strategy != ROLLBACK:
            stretches.setdefault(min(BARS - 1, int((each.started - since) / width)), []).append(each)
    for number, within in sorted(stretches.items()):
        taken = _promoted_in(within)
        failed = len(within) - len(taken)
        yield Bar(at=since + number * width, promoted=len(taken), failed=failed, slowest=_at(taken, PART))


def _promoted_in(outlines: Iterable[Outline]) -> list[float]:
    """How many seconds each took that was promoted, in order."""
    taken = [each.ended - each.started for each in outlines if each.outcome is PROMOTED and each.ended is not None]
    return sorted(taken)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin


def _at(ordered: Sequence[float], part: float) -> float | None:
    """The nearest-rank quantile."""
    return ordered[math.ceil(len(ordered) * part - 1e-9) - 1] if ordered else None
