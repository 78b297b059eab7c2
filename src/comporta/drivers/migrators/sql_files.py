"""A folder of SQL files: `0001_title.up.sql`, and beside it `0001_title.down.sql` where there is a way back."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Migration, Script

NAME = re.compile(r"(?P<number>[0-9]+)_(?P<title>[^.]+)\.(?P<way>up|down)\.sql")


class SqlMigration(Struct, frozen=True):
    """A migration and the text of its way back; None: it has none."""

    migration: Migration
    down: str | None


def read(folder: Path, base: Path) -> tuple[SqlMigration, ...]:
    """All migrations of a folder, by number.

    Raises:
        MigrationFailed: a name or a file cannot be read, or a number stands twice.
    """
    ups, downs = _ways(folder)
    if lonely := sorted(downs.keys() - ups.keys()):
        raise MigrationFailed(f"cannot read {downs[lonely[0]].name}: there is no .up.sql of the same name beside it")
    found = sorted((int(number), number, title) for number, title in ups)
    for (value, _, first), (other, number, second) in pairwise(found):
        if value == other:
            raise MigrationFailed(
                f"cannot tell {first} from {second} in {folder}: both have the number {number}",
                next="give the newer one the next free number",
            )
    return tuple(_migration(number, title, ups, downs, base) for _, number, title in found)


Ways = dict[tuple[str, str], Path]


def _ways(folder: Path) -> tuple[Ways, Ways]:
    ups: Ways = {}
    downs: Ways = {}
    for path in sorted(folder.glob("*.sql")):
        match = NAME.fullmatch(path.name)
        if match is None:
            raise MigrationFailed(
                f"cannot read {path}: its name does not say when it is applied",
                next="name it like 0001_add_orders.up.sql, and its way back 0001_add_orders.down.sql",
            )
        (ups if match["way"] == "up" else downs)[match["number"], match["title"]] = path
    return ups, downs


def _migration(number: str, title: str, ups: Ways, downs: Ways, base: Path) -> SqlMigration:
    up, down = ups[number, title], downs.get((number, title))
    migration = Migration(
        revision=number,
        title=title.replace("_", " "),
        file=str(up.relative_to(base)),
        scripts=(Script(sql=_text(up)),),
        reversible=down is not None,
    )
    return SqlMigration(migration, _text(down) if down else None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationFailed(f"cannot read {path}: {error}", next="store it as UTF-8") from None
