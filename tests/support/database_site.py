"""A folder with a config that names a real database. `comporta` runs the real command in it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from comporta.drivers.backups.directory import Directory
from comporta.drivers.backups.store import Store
from comporta.drivers.system_clock import SystemClock
from comporta.model.backups import Listing
from comporta.model.spec import BackupSpec
from support.forked import python
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

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self._process("-m", "comporta.main", "database", *words, stdin=subprocess.DEVNULL)

    def run(self, *words: str, expect: int | None = 0) -> str:
        """What it said, standard output first."""
        done = python(["-m", "comporta.main", "database", *words], cwd=self.folder, environ=self._environ())
        assert expect is None or done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def killed_everywhere(self, *words: str) -> Iterator[str]:
        """Run a command again and again, killed at its first act, its second…, until it comes through: those acts."""
        process = self._process(str(MORTAL), "database", *words, stdin=subprocess.PIPE)
        with process as mortal:
            assert mortal.stdin is not None
            assert mortal.stdout is not None
            while act := mortal.stdout.readline():
                yield act
                mortal.stdin.write("\n")
                mortal.stdin.flush()
            _, errors = mortal.communicate(timeout=170)
        assert mortal.returncode == 0, errors

    def _process(self, *words: str, stdin: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environ(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.url, **self.env}

    def listed(self) -> Any:
        return json.loads(self.run("list", "--json"))

    def listing(self) -> Listing:
        """The same, without a process of its own."""
        folder = self.folder / "backups"
        return anyio.run(Store(Directory(folder), folder, BackupSpec(), SystemClock()).listing)

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
