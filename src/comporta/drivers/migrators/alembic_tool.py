"""Alembic, as a tool of the release."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from comporta.drivers.migrators.database import Session
from comporta.drivers.migrators.program_migrator import Ask
from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Migration, Script

READER = str(Path(__file__).parent / "inside" / "alembic_reader.py")


class AlembicTool:
    """Implements Tool.

    Args:
        base: the folder of the config.
        python: with `{python}` and `{directory}`, the latter being the release's folder.
        config: the release's alembic.ini, relative to its folder.
        table: where Alembic notes the revision.
    """

    def __init__(self, base: Path, python: str, config: str, table: str) -> None:
        self._base = base
        self._python = python
        self._config = config
        self._table = table

    async def migrations(self, place: Path, ask: Ask) -> tuple[Migration, ...]:
        with tempfile.TemporaryDirectory(prefix="comporta-") as scratch:
            target = Path(scratch) / "migrations.json"
            said = await ask([self._python_of(place), READER, self._config, str(target)])
            if said.code != 0:
                raise MigrationFailed(
                    f"cannot read the migrations in {place}: Alembic's exit code is {said.code}",
                    next="`alembic history` in that folder says more",
                    details=said.lines,
                )
            found = json.loads(target.read_text())
        for one, after in zip(found, [[], *([before["revision"]] for before in found)], strict=False):
            if one["after"] != after:
                raise MigrationFailed(
                    f"cannot put the migrations in {place} into one order: {one['revision']} follows "
                    f"{', '.join(one['after']) or 'nothing'}",
                    next="`alembic heads` lists the branches: give the newer one another down_revision",
                )
        return tuple(self._migration(one) for one in found)

    async def revision(self, place: Path, session: Session, ask: Ask) -> str | None:
        # Read from the table: Alembic itself fails where the database is ahead of the release.
        return await session.version(self._table)

    def up(self, place: Path, revision: str) -> list[str]:
        return [self._python_of(place), "-m", "alembic", "-c", self._config, "upgrade", revision]

    def down(self, place: Path, revision: str, before: str | None) -> list[str]:
        return [self._python_of(place), "-m", "alembic", "-c", self._config, "downgrade", before or "base"]

    def _python_of(self, place: Path) -> str:
        return self._python.replace("{python}", sys.executable).replace("{directory}", str(place))

    def _migration(self, one: dict[str, Any]) -> Migration:
        scripts = one["scripts"]
        return Migration(
            revision=one["revision"],
            title=one["title"] or "",
            file=os.path.relpath(one["file"], self._base),
            scripts=None if scripts is None else tuple(Script(**script) for script in scripts),
            reversible=one["reversible"],
        )
