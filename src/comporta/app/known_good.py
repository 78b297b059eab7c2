"""Which release a rollback goes to: a pure choice among those that served, from the deployments alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from comporta.app.deployments import Deployment
from comporta.model.journal import Outcome

EMERGENCY_WATCH = 2
"""How much longer a release is watched that came in untested."""


@dataclass(frozen=True)
class Served:
    """How long a release stayed live at most, in seconds: until another had replaced it, or came to its users' help.

    `survived`: through its watch window, so that it is known to be good. The live release still serves: 0 until then.
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
    for deployment, following in zip(promoted, [*promoted[1:], None], strict=True):
        if deployment.strategy == "rollback" and deployment.release in line:
            line = {number: line[number] for number in [*line][: [*line].index(deployment.release) + 1]}
        served = line.pop(deployment.release, Served(deployment.release))
        line[deployment.release] = _longer(served, deployment, following, window)
    return list(line.values())


def preferred(line: Sequence[Served], live: int | None) -> list[Served]:
    """Where to go back to, best first: the newest that is known to be good, and only then the newest of the others.

    Args:
        live: the release that serves now; None: the last one of the line is the one to leave.
    """
    leaving = line[-1].release if live is None and line else live
    newest_first = [served for served in reversed(line) if served.release != leaving]
    return sorted(newest_first, key=lambda served: not served.survived)


def _longer(served: Served, deployment: Deployment, following: Deployment | None, window: float) -> Served:
    if following is None or deployment.ended is None:
        return served
    doubted = following.strategy in ("rollback", "emergency")
    until = following.started if doubted else following.ended or following.started
    seconds = until - deployment.ended
    needed = window * (EMERGENCY_WATCH if deployment.strategy == "emergency" else 1)
    return replace(served, seconds=max(served.seconds, seconds), survived=served.survived or seconds >= needed)
