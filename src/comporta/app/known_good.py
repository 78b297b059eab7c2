"""Which release a rollback goes to: a pure choice among those that served, from the deployments alone."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from comporta.app.deployments import Deployment
from comporta.model.journal import Outcome

EMERGENCY_WATCH = 2
"""How much longer a release is watched that came in untested."""


class Served(Struct, frozen=True):
    """How long a release stayed live at most, in seconds: until another had replaced it, or came to its users' help.

    `survived`: through its watch window, so that it is known to be good.
    """

    release: int
    seconds: float = 0.0
    survived: bool = False


def lineage(newest_first: Sequence[Deployment], window: float) -> list[Served]:
    """The releases that went live and were not rolled away from, oldest first; the last one is live.

    Args:
        window: seconds that a release is watched.
    """
    promoted = [deployment for deployment in reversed(newest_first) if deployment.outcome is Outcome.PROMOTED]
    line: dict[int, Served] = {}
    # The last one served until the newest deployment, which may have left another live in an incident.
    for deployment, following in zip(promoted, [*promoted[1:], *newest_first[:1]], strict=False):
        if deployment.is_rollback and deployment.release in line:
            line = {number: line[number] for number in [*line][: [*line].index(deployment.release) + 1]}
        served = line.pop(deployment.release, Served(deployment.release))
        line[deployment.release] = _longer(served, deployment, following, window)
    return list(line.values())


def behind(line: Sequence[Served], live: int | None) -> list[Served]:
    """The releases of the line that served before the live one, newest first.

    Args:
        live: the release that serves now, also where it was left there by an incident; None: the last one of the line.
    """
    numbers = [served.release for served in line]
    if live is not None and live not in numbers:
        return [*reversed(line)]
    return [*reversed(line[: numbers.index(live) if live is not None else -1])]


def preferred(newest_first: Sequence[Served]) -> list[Served]:
    """Best first: the newest that is known to be good, and only then the newest of the others."""
    return sorted(newest_first, key=lambda served: not served.survived)


def _longer(served: Served, deployment: Deployment, following: Deployment, window: float) -> Served:
    if deployment.ended is None:
        return served
    doubted = following.strategy in ("rollback", "emergency")
    until = following.started if doubted else following.ended or following.started
    seconds = max(0.0, until - deployment.ended)
    needed = window * (EMERGENCY_WATCH if deployment.strategy == "emergency" else 1)
    return replace(served, seconds=max(served.seconds, seconds), survived=served.survived or seconds >= needed)
