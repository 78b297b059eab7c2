"""Migrations that were written to be judged: each says what it should be found to be, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from comporta.model.migrations import Assessment, Dialect, Harm, Migration, Script
from comporta.safety.assessing import assess

FOLDER = Path(__file__).parents[1] / "corpus" / "migrations"


@dataclass(frozen=True)
class Case:
    """Attributes: `harms`: what it does, of which each must be found; none: it is safe."""

    name: str
    sql: str
    dialect: Dialect
    harms: frozenset[Harm]
    because: str

    @property
    def safe(self) -> bool:
        return not self.harms

    @property
    def migration(self) -> Migration:
        return Migration(
            revision="1", title=self.name, file=self.name, scripts=(Script(sql=self.sql),), reversible=False
        )

    def assess(self) -> Assessment:
        return assess([self.migration], self.dialect)[0]


def cases() -> list[Case]:
    return [_read(path) for path in sorted(FOLDER.glob("*.sql"))]


def _read(path: Path) -> Case:
    text = path.read_text()
    head = dict(re.findall(r"^-- (engine|expect|because): (.+)$", text, re.MULTILINE))
    expected = head["expect"].split(", ")
    harms = frozenset[Harm]() if expected == ["safe"] else frozenset(Harm(word) for word in expected)
    return Case(path.stem, text, Dialect(head["engine"]), harms, head["because"])
