"""Databases and releases that bring migrations, in the form of each migrator."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from comporta.drivers.migrators import alembic, command, sql
from comporta.drivers.system_clock import SystemClock
from comporta.model.release import Artifact
from comporta.model.spec import DatabaseSpec
from comporta.ports.migrator import Migrator
from comporta.testing.migrator_contract import Sample
from support import postgresql, specs
from support.services import PlainSecrets

FAILURE = "INSERT INTO nowhere VALUES (1)"
OWN_TABLES = {"comporta_migrations", "alembic_version", "tool_version"}

ALEMBIC_INI = "[alembic]\nscript_location = %(here)s/alembic\n"
ALEMBIC_ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
ALEMBIC_MIGRATION = '''\
"""{title}"""
from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {before!r}


def upgrade():
{up}


def downgrade():
{down}
'''
TOOL = """\
import json, os, pathlib, sys

url = os.environ["DATABASE_URL"]
if url.startswith("postgresql"):
    import psycopg
    db = psycopg.connect(url)
else:
    import sqlite3
    db = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
found = json.loads(pathlib.Path("migrations.json").read_text())
known = [one["revision"] for one in found]
db.execute("CREATE TABLE IF NOT EXISTS tool_version (revision text)")
row = db.execute("SELECT revision FROM tool_version").fetchone()
verb, *words = sys.argv[1:]
if verb == "list":
    keys = ("revision", "title", "file", "sql", "reversible")
    print(json.dumps([{key: one[key] for key in keys} for one in found]))
elif verb == "current":
    print(row[0] if row else "")
else:
    one = found[known.index(words[0])]
    for statement in one["up" if verb == "up" else "down"]:
        db.execute(statement)
    db.execute("DELETE FROM tool_version")
    if (now := words[0] if verb == "up" else words[1]):
        db.execute(f"INSERT INTO tool_version VALUES ('{now}')")
    db.execute("COMMIT")
"""


class World:
    """Implements MigratorWorld, on the database at `url`."""

    driver: ClassVar[Any]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, base: Path, url: str, **limits: Any) -> None:
        self.base = base
        self.url = url
        self.secrets = PlainSecrets(values={"DATABASE_URL": url}, env_file={"DATABASE_URL": url})
        limits = {"lock_timeout": 0.3, "lock_wait": 60.0, **limits}
        database = DatabaseSpec(url="${DATABASE_URL}", **limits)
        self.spec = specs.spec(base=str(base), state=str(base / ".comporta"), database=database)

    def migrator(self) -> Migrator:
        options = self.driver.options(**self.options)
        built: Migrator = self.driver.build(self.spec, options, SystemClock(), self.secrets)
        return built

    def release(self, version: str, *samples: Sample) -> Artifact:
        folder = self.base / "releases" / version
        folder.mkdir(parents=True)
        self.write(folder, *samples)
        return Artifact(runtime="process", version=version, identity=f"sha256:{version}", launch={})

    def write(self, folder: Path, *samples: Sample) -> None:
        raise NotImplementedError

    def tables(self) -> set[str]:
        if self.url.startswith("postgresql"):
            return postgresql.tables(self.url)
        with closing(sqlite3.connect(self.base / "shop.db")) as db:
            return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - OWN_TABLES


def ups(sample: Sample) -> list[str]:
    return [f"CREATE TABLE {sample.table} (id bigint)", *([FAILURE] if sample.fails else [])]


class SqlWorld(World):
    driver = sql.driver

    def write(self, folder: Path, *samples: Sample) -> None:
        place = folder / "migrations"
        place.mkdir()
        for sample in samples:
            self.file(folder, f"{sample.revision}_{sample.table}.up.sql", ";\n".join(ups(sample)) + ";\n")
            if sample.reversible:
                self.file(folder, f"{sample.revision}_{sample.table}.down.sql", f"DROP TABLE {sample.table};\n")

    def file(self, folder: Path, name: str, text: str) -> None:
        (folder / "migrations" / name).write_text(text)

    def files(self, version: str, **texts: str) -> Artifact:
        """A release with these files: `_0001_orders="…"` is the way up."""
        artifact = self.release(version)
        for name, text in texts.items():
            self.file(self.base / "releases" / version, f"{name[1:]}.up.sql", text)
        return artifact


class AlembicWorld(World):
    driver = alembic.driver

    def write(self, folder: Path, *samples: Sample) -> None:
        (folder / "alembic" / "versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text(ALEMBIC_INI)
        (folder / "alembic" / "env.py").write_text(ALEMBIC_ENV)
        before = None
        for sample in samples:
            down = (
                f'    op.execute("DROP TABLE {sample.table}")' if sample.reversible else "    raise NotImplementedError"
            )
            up = "\n".join(f'    op.execute("{statement}")' for statement in ups(sample))
            self.migration(folder, sample.revision, before, up, down)
            before = sample.revision

    def migration(self, folder: Path, revision: str, before: str | None, up: str, down: str = "    pass") -> None:
        text = ALEMBIC_MIGRATION.format(title=f"step {revision}", revision=revision, before=before, up=up, down=down)
        (folder / "alembic" / "versions" / f"{revision}_step.py").write_text(text)


class CommandWorld(World):
    driver = command.driver
    options: ClassVar[dict[str, Any]] = {
        "list": ("{python}", "tool.py", "list"),
        "current": ("{python}", "tool.py", "current"),
        "upgrade": ("{python}", "tool.py", "up", "{revision}"),
        "downgrade": ("{python}", "tool.py", "down", "{revision}", "{before}"),
    }

    def write(self, folder: Path, *samples: Sample) -> None:
        (folder / "tool.py").write_text(TOOL)
        listed = [
            {
                "revision": sample.revision,
                "title": sample.table,
                "file": f"{folder.name}/{sample.revision}",
                "sql": ";\n".join(ups(sample)),
                "reversible": sample.reversible,
                "up": ups(sample),
                "down": [f"DROP TABLE {sample.table}"],
            }
            for sample in samples
        ]
        (folder / "migrations.json").write_text(json.dumps(listed))
