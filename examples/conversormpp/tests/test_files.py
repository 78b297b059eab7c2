"""What stands twice says the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import sqlalchemy

from comporta.drivers.migrators import sql_files
from comporta.model.migrations import Dialect, Phase
from comporta.safety.assessing import assess
from conversormpp.jobs import MIGRATIONS, Base, Jobs
from make_release import PACKAGE

EXAMPLE = PACKAGE.parent


def test_an_image_has_what_the_extra_of_comporta_has() -> None:
    project = tomllib.loads((EXAMPLE.parents[1] / "pyproject.toml").read_text())
    lines = (EXAMPLE / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["project"]["optional-dependencies"]["demo"]


def test_the_env_file_has_all_that_compose_and_the_service_ask_for() -> None:
    names = set(re.findall(r"^(\w+)=", (EXAMPLE / ".env.production.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+):\?\}", (EXAMPLE / "compose.yaml").read_text()))
    assert asked <= names
    assert {"DATABASE_URL", "QUEUE_URL", "STORAGE_URL", "MIGRATIONS_URL"} <= names


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_the_config_is_right(environment: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "comporta.yml", tmp_path)
    for name in ("staging", "production"):
        shutil.copy(EXAMPLE / ".env.production.example", tmp_path / f".env.{name}")
    command = [sys.executable, "-m", "comporta.main", "config", "check", "-e", environment]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_release_can_be_built_into_an_image(releases: Path) -> None:
    assert {path.parent.name for path in releases.glob("*/Dockerfile")} == {path.name for path in releases.iterdir()}


def test_the_tables_are_those_that_the_code_knows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    Jobs(url).check()
    found = sqlalchemy.inspect(sqlalchemy.create_engine(url))
    for name, table in Base.metadata.tables.items():
        assert {column["name"] for column in found.get_columns(name)} == {column.name for column in table.columns}
        assert {index["name"] for index in found.get_indexes(name)} == {index.name for index in table.indexes}


@pytest.mark.parametrize("dialect", Dialect)
def test_the_migrations_are_safe_and_only_the_last_one_waits(dialect: Dialect) -> None:
    brought = [one.migration for one in sql_files.read(MIGRATIONS, MIGRATIONS.parent)]
    found = assess(brought, dialect)
    assert [one.phase for one in found] == [Phase.EXPAND, Phase.EXPAND, Phase.CONTRACT]
    assert [hazard for one in found for hazard in one.stopping] == []
