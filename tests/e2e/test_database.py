"""`comporta database`, as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.forked import python

pytestmark = pytest.mark.slow
CONFIG = """\
service: shop
release:
  process: {command: ["{python}", app.py, "{port}"]}
health: {checks: [{name: api, path: /health}]}
database: {url: "sqlite:///shop.db", migrations: {sql: {}}}
environments:
  development: {domain: "localhost:3000"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "comporta.yml").write_text(CONFIG)
    release(tmp_path, "1.0.0", "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);")
    return tmp_path


def release(folder: Path, version: str, *texts: str) -> None:
    place = folder / "releases" / version / "migrations"
    place.mkdir(parents=True)
    for number, text in enumerate(texts, start=1):
        (place / f"{number:04}_step.up.sql").write_text(text)


def comporta(folder: Path, *words: str, expect: int = 0) -> str:
    done = python(["-m", "comporta.main", "database", *words], cwd=folder)
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_check_says_what_is_safe_and_changes_nothing(folder: Path) -> None:
    assert "Safe to apply" in comporta(folder, "check", "1.0.0")
    assert not (folder / "shop.db").exists()


def test_check_stops_at_what_breaks_the_earlier_release_with_line_and_remedy(folder: Path) -> None:
    release(folder, "2.0.0", "CREATE TABLE orders (id INTEGER);", "\n\nALTER TABLE orders DROP COLUMN note;")
    told = comporta(folder, "check", "2.0.0", expect=1)
    assert "releases/2.0.0/migrations/0002_step.up.sql:3" in told
    assert "-- comporta: contract" in told
    facts = json.loads(comporta(folder, "check", "2.0.0", "--json", expect=1))
    assert [one["safe"] for one in facts["migrations"]] == [True, False]
    assert facts["migrations"][1]["hazards"][0]["line"] == 3


def test_a_declared_contract_is_safe_before_the_switch(folder: Path) -> None:
    release(folder, "2.0.0", "CREATE TABLE orders (id INTEGER);", "-- comporta: contract\nDROP TABLE archive;")
    facts = json.loads(comporta(folder, "check", "2.0.0", "--json"))
    assert [one["phase"] for one in facts["migrations"]] == ["expand", "contract"]


def test_status_tells_the_revision_and_what_is_pending(folder: Path) -> None:
    facts = json.loads(comporta(folder, "status", "1.0.0", "--json"))
    assert facts["state"] == {}
    assert [one["revision"] for one in facts["pending"]] == ["0001"]
    assert "1 of them pending" in comporta(folder, "status", "1.0.0")


def test_without_a_version_and_without_a_release_the_next_command_is_told(folder: Path) -> None:
    assert "comporta database status VERSION" in comporta(folder, "status", expect=2)


def test_without_a_database_in_the_config_the_edit_is_told(folder: Path) -> None:
    lines = [line for line in CONFIG.splitlines() if not line.startswith("database")]
    (folder / "comporta.yml").write_text("\n".join(lines))
    assert "add `database:" in comporta(folder, "check", "1.0.0", expect=2)
