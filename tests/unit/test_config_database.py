"""The section `database`: one migrator, and no password in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from comporta.config import loading
from comporta.model.errors import ConfigError
from comporta.model.spec import DatabaseSpec, DriverSpec
from support.configs import GOOD, OPTIONS, write


def database(folder: Path, text: str) -> DatabaseSpec | None:
    path = write(folder, f"{GOOD}database: {text}\n")
    return loading.load(path, "production", OPTIONS, {"URL": "u", "PASSWORD": "p"}).database


def test_without_it_there_is_no_database(tmp_path: Path) -> None:
    assert loading.load(write(tmp_path, GOOD), "production", OPTIONS, {}).database is None


def test_a_migrator_is_chosen_by_its_name_and_the_url_keeps_its_variable(tmp_path: Path) -> None:
    text = '{url: "${URL}", migrations: {sql: {directory: "db/{version}"}}, lock_timeout: 2s, lock_wait: 1m}'
    assert database(tmp_path, text) == DatabaseSpec(
        url="${URL}",
        migrator=DriverSpec(name="sql", options={"directory": "db/{version}"}),
        lock_timeout=2.0,
        lock_wait=60.0,
    )


def test_a_database_may_go_without_migrations(tmp_path: Path) -> None:
    found = database(tmp_path, '{url: "sqlite:///shop.db"}')
    assert found is not None
    assert found.migrator is None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{url: "${URL}", migrations: {sql: {}, tool: {run: [x]}}}', "2 migrators are named"),
        ('{url: "${URL}", migrations: {}}', "0 migrators are named"),
        ('{url: "${URL}", migrations: {flyway: {}}}', "flyway"),
        ("{url: postgresql://shop:secret@db/shop}", "there is a password in it"),
        ("{url: mysql://db/shop}", "not the address of a database"),
        ("{migrations: {sql: {}}}", "url"),
        ('{url: "${NOWHERE}"}', "NOWHERE"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(ConfigError) as error:
        database(tmp_path, text)
    told = f"{error.value.message}{error.value.details}{error.value.next}"
    assert cause in told


@pytest.mark.parametrize("url", ["postgresql://shop:${PASSWORD}@db/shop", "postgresql:///shop", "sqlite:///shop.db"])
def test_urls_as_people_write_them(tmp_path: Path, url: str) -> None:
    found = database(tmp_path, f'{{url: "{url}"}}')
    assert found is not None
    assert found.url == url
