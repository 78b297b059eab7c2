"""What `comporta doctor` says about the programs that back a database up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from comporta.drivers.databases.diagnosis import diagnose, too_old
from comporta.drivers.env_secrets import EnvSecrets
from comporta.model.findings import Finding
from comporta.model.spec import DatabaseSpec
from support import specs
from support.postgresql import postgresql


def findings(base: Path, url: str | None) -> list[Finding]:
    database = DatabaseSpec(url=url) if url else None
    return diagnose(specs.spec(base=str(base), state=str(base), database=database), EnvSecrets(None, {}))


@pytest.mark.slow
def test_programs_that_fit_the_server_are_told_with_its_version(tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    with postgresql() as server:
        (found,) = findings(tmp_path, server.database())
    assert found.ok, found.text
    assert "the server is PostgreSQL 1" in found.text


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "postgresql://shop:geheim@127.0.0.1:1/shop")
    assert not found.ok
    assert "cannot reach the database" in found.text
    assert "geheim" not in found.text


def test_a_variable_that_is_not_defined_is_told(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "${NOWHERE_DEFINED}")
    assert not found.ok
    assert "NOWHERE_DEFINED" in found.text


def test_sqlite_and_no_database_need_nothing(tmp_path: Path) -> None:
    assert findings(tmp_path, "sqlite:///shop.db") == []
    assert findings(tmp_path, None) == []


@pytest.mark.parametrize(
    ("said", "server", "wrong"),
    [
        ("pg_dump (PostgreSQL) 14.11 (Debian 14.11-1)", 15, "pg_dump is of PostgreSQL 14"),
        ("pg_dump (PostgreSQL) 15.14", 15, ""),
        ("pg_dump (PostgreSQL) 17beta1", 15, ""),
        ("", 15, "pg_dump does not tell its version: ''"),
    ],
)
def test_an_older_program_does_not_fit(said: str, server: int, wrong: str) -> None:
    assert too_old("pg_dump", said, server) == wrong
