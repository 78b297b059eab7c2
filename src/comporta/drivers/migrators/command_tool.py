"""Any tool, by the commands that the config names."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from comporta.drivers.migrators.database import Session
from comporta.drivers.migrators.program_migrator import Ask
from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Migration, Script


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    """What the command `list` tells of a migration."""

    revision: str
    title: str = ""
    file: str = ""
    sql: str | None = None
    line: int = 1
    reversible: bool = False


class CommandTool:
    """Implements Tool. Words may hold `{python}`, `{directory}`, `{revision}` and `{before}`."""

    def __init__(self, commands: dict[str, tuple[str, ...]]) -> None:
        self._commands = commands

    async def migrations(self, place: Path, ask: Ask) -> tuple[Migration, ...]:
        printed = await self._answer("list", place, ask)
        try:
            listed = msgspec.json.decode(printed, type=list[Listed])
        except msgspec.DecodeError as error:
            raise MigrationFailed(
                f"cannot read what `list` prints in {place}: {error}",
                next='print JSON like [{"revision": "1", "title": "…", "sql": "…", "reversible": true}]',
            ) from None
        return tuple(_migration(one) for one in listed)

    async def revision(self, place: Path, session: Session, ask: Ask) -> str | None:
        return (await self._answer("current", place, ask)).strip() or None

    def up(self, place: Path, revision: str) -> list[str]:
        return self._words("upgrade", place, revision=revision)

    def down(self, place: Path, revision: str, before: str | None) -> list[str]:
        return self._words("downgrade", place, revision=revision, before=before or "")

    async def _answer(self, name: str, place: Path, ask: Ask) -> str:
        said = await ask(self._words(name, place))
        if said.code != 0:
            text = f"cannot read the migrations in {place}: the exit code of `{name}` is {said.code}"
            raise MigrationFailed(
                text, next=f"correct `{name}` under `database.migrations.command`", details=said.lines
            )
        return said.output

    def _words(self, name: str, place: Path, **facts: str) -> list[str]:
        facts = {"python": sys.executable, "directory": str(place), **facts}
        return [_placed(word, facts) for word in self._commands[name]]


def _placed(word: str, facts: dict[str, str]) -> str:
    for name, value in facts.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _migration(one: Listed) -> Migration:
    return Migration(
        revision=one.revision,
        title=one.title,
        file=one.file or one.revision,
        scripts=None if one.sql is None else (Script(sql=one.sql, line=one.line),),
        reversible=one.reversible,
    )
