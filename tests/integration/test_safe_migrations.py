"""What the corpus calls safe, on a real server: it applies, no table is rewritten, the earlier release goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comporta.model.migrations import Dialect
from support.corpus import Case, cases
from support.migrating import SqlWorld
from support.postgresql import Server, postgresql, rows

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
SAFE = [case for case in cases() if case.safe and case.dialect is Dialect.POSTGRESQL and "comporta:" not in case.sql]
ALREADY_THERE = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint, note text);
ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES customers (id) NOT VALID;
CREATE TABLE settings (name text PRIMARY KEY, value text);
INSERT INTO orders (note) SELECT 'n' FROM generate_series(1, 1000);
"""
INVOICES = "CREATE TABLE invoices (id bigint PRIMARY KEY, customer text, paid_at timestamptz);"
NEEDS_INVOICES = {"create_view", "create_table_with_reference"}
CLASHING = {"create_enum": "DROP TYPE mood;", "add_column": "ALTER TABLE orders DROP note;"}
CLASHING["add_columns"] = CLASHING["add_column"]
EARLIER_RELEASE = (
    "INSERT INTO orders (customer) VALUES (NULL)",
    "SELECT id, customer FROM orders WHERE id = 5",
    "UPDATE orders SET customer = NULL WHERE id = 5",
    "DELETE FROM orders WHERE id = 5",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as started:
        rows(started.url("postgres"), "CREATE ROLE reporting")
        yield started


def files(url: str) -> list[tuple[Any, ...]]:
    """Each table and the file that holds it: a rewrite makes another file."""
    return rows(url, "SELECT relname, relfilenode FROM pg_class WHERE relname IN ('orders', 'settings', 'customers')")


@pytest.mark.parametrize("case", SAFE, ids=lambda case: case.name)
async def test_it_applies_without_a_rewrite_and_the_earlier_release_goes_on(
    tmp_path: Path, server: Server, case: Case
) -> None:
    world = SqlWorld(tmp_path, server.database())
    rows(world.url, ALREADY_THERE)
    rows(world.url, INVOICES if case.name in NEEDS_INVOICES else "SELECT 1")
    rows(world.url, CLASHING.get(case.name, "SELECT 1"))
    before = files(world.url)
    release = world.files("1.0.0", _0001_step=case.sql)
    assert await world.migrator().upgrade(release) == ("0001",)
    assert sorted(files(world.url)) == sorted(before)
    for statement in EARLIER_RELEASE:
        rows(world.url, statement)
