"""What was played, kept in a file with a line for each deployment, and shown as a part of docs/reliability.md."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from comporta.engine.events import Direction, Moment
from matrix.cells import Combination, Result
from support.places import Point

DOCS = Path(__file__).parents[2] / "docs"
FILE = DOCS / "crash_matrix.csv"
PAGE = DOCS / "reliability.md"
BEGIN, END = "<!-- crash matrix: written by scripts/crash_matrix.py -->\n", "<!-- crash matrix: end -->\n"
FIELDS = ("runtime", "router", "strategy", "points", "requests", "lost", "late", "orphans", "converged")


@dataclass(frozen=True)
class Row:
    """A deployment that was killed at these points, and what became of it."""

    combination: Combination
    points: tuple[Point, ...]
    requests: int
    lost: int
    late: int
    orphans: int
    converged: bool

    @classmethod
    def of(cls, combination: Combination, result: Result) -> Self:
        points = tuple(map(Point.of, result.places))
        counts = (result.requests, result.lost, result.late, len(result.orphans))
        return cls(combination, points, *counts, converged=not result.wrong)

    @classmethod
    def read(cls, line: dict[str, str]) -> Self:
        combination = Combination(line["runtime"], line["router"], line["strategy"])
        counts = (int(line[name]) for name in ("requests", "lost", "late", "orphans"))
        return cls(combination, tuple(map(Point.of, line["points"].split())), *counts, line["converged"] == "yes")

    def written(self) -> dict[str, str | int]:
        where = {"runtime": self.combination.runtime, "router": self.combination.router}
        counts = {"requests": self.requests, "lost": self.lost, "late": self.late, "orphans": self.orphans}
        points = " ".join(map(str, self.points))
        converged = "yes" if self.converged else "no"
        return {**where, "strategy": self.combination.strategy, "points": points, **counts, "converged": converged}


def keep(new: Sequence[Row]) -> None:
    """Put these in the place of what was known of their combinations, and write the page anew."""
    replaced = {row.combination for row in new}
    rows = [*(row for row in _kept() if row.combination not in replaced), *new]
    rows.sort(key=lambda row: row.combination)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.written() for row in rows)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{page(rows)}{END}{after}", encoding="utf-8")


def _kept() -> list[Row]:
    if not FILE.exists():
        return []
    with FILE.open(encoding="utf-8", newline="") as file:
        return [Row.read(line) for line in csv.DictReader(file)]


def page(rows: Sequence[Row]) -> str:
    """The tables, as Markdown."""
    lines = [
        "| Runtime | Router | Strategy | Crash points | Deployments | Converged | Requests | Lost | Late | Orphans |",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: |",
        *(_line((c.runtime, c.router, c.strategy), group) for c, group in _by_combination(rows).items()),
        _line(("**all**", "", ""), rows),
        "",
        "<details><summary>The points</summary>",
        "",
        *_points(rows),
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def _by_combination(rows: Iterable[Row]) -> dict[Combination, list[Row]]:
    found: dict[Combination, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.combination].append(row)
    return found


def _line(names: Sequence[str], rows: Sequence[Row]) -> str:
    counts = (
        sum(len(row.points) for row in rows),
        len(rows),
        sum(row.converged for row in rows),
        *(sum(getattr(row, name) for row in rows) for name in ("requests", "lost", "late", "orphans")),
    )
    return f"| {' | '.join([*names, *(f'{count:,}' for count in counts)])} |"


def _points(rows: Sequence[Row]) -> Iterator[str]:
    """Of each strategy, the steps and their moments."""
    strategies: dict[str, set[Point]] = defaultdict(set)
    for row in rows:
        strategies[row.combination.strategy].update(row.points)
    for strategy, points in strategies.items():
        yield from (f"| {strategy} | Forth | Back |", "| --- | --- | --- |")
        for number, step in sorted({(point.number, point.step) for point in points}):
            here = [point for point in points if (point.number, point.step) == (number, step)]
            cells = (_moments(here, direction) for direction in Direction)
            yield f"| {number} {step} | {' | '.join(cells)} |"
        yield ""


def _moments(points: Sequence[Point], direction: Direction) -> str:
    moments = {point.moment for point in points if point.direction is direction}
    return ", ".join(moment for moment in Moment if moment in moments)
