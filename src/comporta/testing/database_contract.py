"""What every Database promises. A driver's tests inherit this suite and give it a `database`, empty and real, and
`query`, which runs SQL on it and returns the rows: in a session of its own, as users have them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any

import pytest

from comporta.model.backups import Description, differences
from comporta.model.errors import BackupFailed
from comporta.ports.database import Database, Pour

Query = Callable[[str], list[tuple[Any, ...]]]
SCHEMA = (
    "CREATE TABLE users (id integer PRIMARY KEY, name varchar(40) NOT NULL CHECK (name <> 'nobody'))",
    "CREATE TABLE orders (id integer PRIMARY KEY, owner integer REFERENCES users (id), kind varchar(9) DEFAULT 'new', "
    "CHECK (kind IN ('new', 'paid')))",
    "CREATE INDEX orders_of ON orders (owner)",
    "CREATE VIEW paid AS SELECT id, owner FROM orders WHERE kind IN ('paid') AND (owner > 0 OR owner IS NULL)",
)


def pouring(data: bytes) -> Pour:
    def pour(sink: IO[bytes]) -> None:
        sink.write(data)

    return pour


@pytest.mark.anyio
class DatabaseContract:
    @pytest.fixture
    def shop(self, database: Database, query: Query) -> Database:
        """With 3 users and 50 orders."""
        for statement in SCHEMA:
            query(statement)
        query("INSERT INTO users VALUES (1, 'Ana'), (2, 'Ben'), (3, 'Eva')")
        orders = ", ".join(f"({n}, {n % 3 + 1}, 'new')" for n in range(50))
        query(f"INSERT INTO orders VALUES {orders}")
        return database

    async def test_it_tells_its_rows_and_its_schema(self, shop: Database, query: Query) -> None:
        before = await shop.describe()
        assert before.rows == {"orders": 50, "users": 3}
        assert before.size > 0
        query("DELETE FROM orders WHERE id >= 40")
        query("CREATE INDEX orders_by_kind ON orders (kind)")
        (index, rows) = differences(before, await shop.describe())
        assert "orders_by_kind" in index
        assert rows == "orders: 50 rows were backed up, 40 rows came back"

    async def test_it_tells_the_revision_that_a_migration_tool_noted(self, shop: Database, query: Query) -> None:
        assert (await shop.describe()).revision is None
        query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        query("INSERT INTO alembic_version VALUES ('3f1c')")
        assert (await shop.describe()).revision == "3f1c"

    async def test_its_name_holds_no_password(self, shop: Database) -> None:
        assert "@" not in shop.identity

    async def test_what_is_backed_up_comes_back_the_same(self, shop: Database) -> None:
        data, content = await dumped(shop)
        assert content.rows == {"orders": 50, "users": 3}
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            assert differences(content, await scratch.describe()) == ()

    async def test_rows_written_meanwhile_are_not_in_it(self, shop: Database, query: Query) -> None:
        async with shop.dump() as dump:
            query("INSERT INTO users VALUES (4, 'Leo')")
            data = dump.source.read()
        assert dump.content is not None
        assert dump.content.rows["users"] == 3
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            assert differences(dump.content, await scratch.describe()) == ()

    async def test_a_scratch_database_is_gone_afterwards_and_changes_nothing(
        self, shop: Database, query: Query
    ) -> None:
        data, _ = await dumped(shop)
        with pytest.raises(ZeroDivisionError):
            async with shop.scratch() as scratch:
                await scratch.load(pouring(data))
                query("DELETE FROM orders")
                raise ZeroDivisionError
        assert (await shop.describe()).rows == {"orders": 0, "users": 3}
        assert await shop.sweep() == ()

    @pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
    async def test_half_a_backup_is_refused(self, shop: Database, share: float) -> None:
        data, content = await dumped(shop)
        with pytest.raises(BackupFailed):
            async with shop.scratch() as scratch:
                await scratch.load(pouring(data[: int(len(data) * share)]))
                if wrong := differences(content, await scratch.describe()):
                    raise BackupFailed(wrong[0])
                raise AssertionError("it was taken for a whole one")
        assert (await shop.describe()).rows == {"orders": 50, "users": 3}

    async def test_what_is_no_backup_is_refused(self, shop: Database) -> None:
        with pytest.raises(BackupFailed):
            async with shop.scratch() as scratch:
                await scratch.load(pouring(b"this is a note, and no database" * 1000))
                await scratch.describe()

    async def test_taking_over_brings_everything_back(self, shop: Database, query: Query) -> None:
        data, content = await dumped(shop)
        query("DROP VIEW paid")
        query("DELETE FROM orders")
        query("CREATE TABLE later (id integer)")
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            assert await scratch.take_over(lambda _: None, keep="") == ""
        assert differences(content, await shop.describe()) == ()
        assert query("SELECT count(*) FROM orders") == [(50,)]
        assert await shop.sweep() == (), "nothing is left of the old one"

    async def test_the_old_one_is_kept_if_that_is_asked_for(self, shop: Database, query: Query) -> None:
        data, _ = await dumped(shop)
        query("DELETE FROM orders")
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            old = await scratch.take_over(lambda _: None, keep="yesterday")
        assert "yesterday" in old
        assert await shop.sweep() == ()
        assert query("SELECT count(*) FROM orders") == [(50,)]


async def dumped(database: Database) -> tuple[bytes, Description]:
    async with database.dump() as dump:
        data = io.BytesIO(dump.source.read())
    assert dump.content is not None
    return data.getvalue(), dump.content
