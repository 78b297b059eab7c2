"""A cell: one strategy on one runtime and router, killed at one point, and settled by the operator's next command."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from itertools import chain, pairwise, repeat
from pathlib import Path

from comporta.app.deployments import deployment_of
from comporta.engine.events import Direction, Moment
from comporta.model.errors import EXIT_FAILED, ComportaError
from comporta.model.journal import Kind, Outcome
from matrix.outside import Expected, orphans, records_of, wrongs
from matrix.shops import VERSIONS, AnyShop, shop
from matrix.users import Users
from support.places import Point
from support.site import INSTANCES

WARM, COLD = "rollback-warm", "rollback-cold"
EXAMPLES = 3
"""So many of the failed requests are told in words."""


def strategies() -> list[str]:
    """All that there are, and the two ways of a rollback."""
    return [*sorted(entry_points(group="comporta.strategies").names), WARM, COLD]


@dataclass(frozen=True, order=True)
class Combination:
    runtime: str
    router: str
    strategy: str

    def __str__(self) -> str:
        return f"{self.strategy} on {self.runtime} behind {self.router}"

    @property
    def options(self) -> str:
        """With which scripts/crash_matrix.py plays it alone."""
        return f"--runtime {self.runtime} --router {self.router} --strategy {self.strategy}"


@dataclass(frozen=True)
class Result:
    """What became of one deployment that was killed at these points, one after the other.

    Attributes:
        places: as `support.places` names them.
        requests: that users sent meanwhile; of these so many were `lost`, and so many gave up waiting (`late`).
        orphans: processes and containers that no record names.
        wrong: what else is not as it has to be; nothing: it converged.
        examples: of what users got instead of an answer.
    """

    places: tuple[str, ...]
    requests: int = 0
    lost: int = 0
    late: int = 0
    orphans: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.wrong or self.orphans or self.lost)


Choice = Callable[[list[str]], Iterable[str]]


def everything(points: list[str]) -> Iterable[str]:
    return points


def play(combination: Combination, *, deaths: int = 1, choose: Choice = everything) -> Iterator[Result]:
    """Kill the strategy at each point that it comes to.

    Where a deployment that was killed more than once did not end well, each of its points is played alone as well.
    After a failure it goes on with another site.

    Args:
        deaths: how often a deployment is killed before it may finish.
        choose: of all points, those that are played.
    """
    todo: list[tuple[str, ...]] | None = None
    while todo is None or todo:
        with (
            tempfile.TemporaryDirectory(prefix="ct") as base,
            shop(Path(base), combination.runtime, combination.router) as made,
        ):
            stage = Stage(made, combination.strategy)
            points = stage.points()
            todo = rounds([*choose(distinct(points))], deaths) if todo is None else todo
            failed = False
            while todo and not failed:
                result = stage.play(todo.pop(0))
                failed = result.failed
                if failed and len(result.places) > 1:
                    todo = [*((place,) for place in result.places), *todo]
                yield result


def distinct(points: Sequence[str]) -> list[str]:
    """Between a step's result and the next intent nothing is done and nothing is written: to die there is one thing."""
    return [*points[:1], *(place for before, place in pairwise(points) if not _same(Point.of(before), Point.of(place)))]


def _same(before: Point, point: Point) -> bool:
    ends, begins = before.moment is Moment.AFTER_RESULT, point.moment is Moment.BEFORE_INTENT
    return ends and begins and before.direction is point.direction


def rounds(points: Sequence[str], deaths: int) -> list[tuple[str, ...]]:
    """The points of each deployment: far from one another, so that a command gets on before it is killed."""
    found: list[tuple[str, ...]] = []
    for direction in Direction:
        ours = [place for place in points if Point.of(place).direction is direction]
        count = math.ceil(len(ours) / deaths)
        found += [tuple(ours[first::count]) for first in range(count)]
    return found


def backwards(places: Sequence[str]) -> bool:
    return Point.of(places[0]).direction is Direction.UNDO


class Stage:
    """A site on which one strategy is played, from release to release."""

    def __init__(self, shop: AnyShop, strategy: str) -> None:
        """One release serves, and another is kept warm; to the third, one can go back only if it served once."""
        self.shop = shop
        for version in (*(VERSIONS[2:] if strategy == COLD else ()), *VERSIONS[:2]):
            shop.comporta("deploy", version, "--yes")
        self.live = VERSIONS[1]
        self.warm: str | None = VERSIONS[0]
        self._strategy = strategy
        self._keeps = False
        self._turn = ""

    @property
    def to(self) -> str:
        """The version that is brought live next: the one that is kept warm, or one that does not run."""
        if self._strategy == WARM and self.warm:
            return self.warm
        return next(version for version in VERSIONS if version not in (self.live, self.warm))

    @property
    def words(self) -> tuple[str, ...]:
        if self._strategy in (WARM, COLD):
            return ("rollback", "--to", self.to, "--yes")
        return ("deploy", self.to, "--yes", "--strategy", self._strategy)

    def points(self) -> list[str]:
        """Where the command can be killed, as the engine tells them: on the way forth, and on the way back."""
        with Users(self.shop.port, self.shop.post_path):
            to = self.to
            forth = self.shop.points(*self.words)
            self._keeps = self.live in self.shop.running()
            self._arrive(to)
            self._turn = self._last_to_undo(forth)
            self.shop.killed_at(self._turn, *self.words)
            return [*forth, *self.shop.points("abort")]

    def play(self, places: tuple[str, ...]) -> Result:
        """One deployment. Whatever does not come as it should is told in the result."""
        wrong: list[str] = []
        left: list[str] = []
        with Users(self.shop.port, self.shop.post_path) as users:
            try:
                wrong += self._killed_and_settled(places)
                status = self.shop.json("status")
                left = orphans(self.shop, status)
                wrong += wrongs(self.shop, status, self._expected(places))
            except (AssertionError, ComportaError, OSError, subprocess.TimeoutExpired) as error:
                wrong.append(f"{type(error).__name__}: {error}")
        failed = users.report.failed
        late = sum(sample.error == "timeout" for sample in failed)
        return Result(
            places,
            requests=len(users.report.samples),
            lost=len(failed) - late,
            late=late,
            orphans=tuple(left),
            wrong=tuple(wrong),
            examples=tuple(f"{sample.kind} {sample.error}: {sample.detail}" for sample in failed[:EXAMPLES]),
        )

    def _killed_and_settled(self, places: Sequence[str]) -> Iterator[str]:
        """Each command is killed where it comes to the next of the places, and the last one settles the deployment.

        Yields what that one says, if it is not what it should.
        """
        to, commands = self.to, [self.words]
        if backwards(places):
            self.shop.killed_at(self._turn, *self.words)
            commands = [("abort",)]
        for place, words in zip(places, chain(commands, repeat(("resume", "--yes"))), strict=False):
            self.shop.killed_at(place, *words)
        done = self.shop.comporta("resume", "--yes", expect=None)
        if done.returncode != (EXIT_FAILED if backwards(places) else 0):
            yield f"`comporta resume` exits with {done.returncode}\n{done.stdout}\n{done.stderr}"
        if not backwards(places):
            self._arrive(to)

    def _expected(self, places: Sequence[str]) -> Expected:
        return Expected(
            serves=self.live,
            runs=dict.fromkeys(filter(None, (self.live, self.warm)), INSTANCES),
            outcome=Outcome.ROLLED_BACK if backwards(places) else Outcome.PROMOTED,
            kills=len(places) + backwards(places),
        )

    def _arrive(self, to: str) -> None:
        """`to` serves, and the release before is kept warm, if the strategy keeps it."""
        self.live, self.warm = to, self.live if self._keeps else None

    def _last_to_undo(self, forth: Sequence[str]) -> str:
        """The last point at which the deployment that was just made could still be undone."""
        opened = next(record for record in reversed(records_of(self.shop)) if record.kind is Kind.OPENED)
        no_return = deployment_of(opened, None).plan.point_of_no_return
        return [place for place in forth if Point.of(place).number < no_return][-1]
