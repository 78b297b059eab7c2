"""A folder with a config that names a real database. `comporta` runs the real command in it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.postgresql import rows

CONFIG = """\
service: shop
release: {process: {directory: "releases/{version}", command: ["true"]}}
health: {checks: [{name: api, path: /}]}
database: {url: "${DATABASE_URL}", backups: {directory: backups, keep: {last: 100}}}
environments: {development: {domain: "localhost:8080"}}
"""
MORTAL = Path(__file__).with_name("mortal_backup.py")


@dataclass
class DatabaseSite:
    """`query` asks the database as a user would."""

    folder: Path
    url: str
    query: Callable[[str], list[tuple[Any, ...]]]
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "comporta.yml").write_text(CONFIG)
        self.query("CREATE TABLE items (id integer PRIMARY KEY, name varchar(40) NOT NULL)")
        self.fill(40)

    def fill(self, count: int) -> None:
        self.query("DELETE FROM items")
        self.query(f"INSERT INTO items VALUES {', '.join(f'({n}, {n})' for n in range(count))}")

    def count(self) -> int:
        return int(self.query("SELECT count(*) FROM items")[0][0])

    def start(self, *words: str, die_at: int | None = None) -> subprocess.Popen[str]:
        program = [str(MORTAL), str(die_at), "acts"] if die_at is not None else ["-m", "comporta.main"]
        return subprocess.Popen(
            [sys.executable, *program, "database", *words],
            cwd=self.folder,
            env={**os.environ, "DATABASE_URL": self.url, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, expect: int | None = 0, die_at: int | None = None) -> str:
        """What it said, standard output first."""
        process = self.start(*words, die_at=die_at)
        out, errors = process.communicate(timeout=170)
        assert expect is None or process.returncode == expect, out + errors
        return out + errors

    def acts(self) -> list[str]:
        """What the last runs of a mortal command did, and forget it."""
        path = self.folder / "acts"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def listed(self) -> Any:
        return json.loads(self.run("list", "--json"))

    def ids(self) -> list[str]:
        return [backup["id"] for backup in self.listed()["backups"]]

    def stored(self) -> set[str]:
        return {path.name for path in (self.folder / "backups").iterdir()} - {"lock"}


def on_sqlite(folder: Path) -> DatabaseSite:
    def query(text: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as db:
            return db.execute(text).fetchall()

    return DatabaseSite(folder, "sqlite:///shop.db", query)


def on_postgresql(folder: Path, url: str) -> DatabaseSite:
    return DatabaseSite(folder, url, lambda text: rows(url, text))
