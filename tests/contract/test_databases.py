"""The contract of the databases, against real ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from comporta.drivers.databases.opening import database as opened
from comporta.drivers.databases.postgresql import Postgresql
from comporta.model.errors import BackupFailed
from comporta.ports.database import Database
from comporta.testing.database_contract import DatabaseContract, Query, dumped, pouring
from support.postgresql import Server, postgresql, rows


class TestSqlite(DatabaseContract):
    @pytest.fixture(params=["delete", "wal"])
    def database(self, tmp_path: Path, request: pytest.FixtureRequest) -> Database:
        with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
            db.execute(f"PRAGMA journal_mode = {request.param}")
        return opened("sqlite:///shop.db", tmp_path, tmp_path / "work")

    @pytest.fixture
    def query(self, tmp_path: Path) -> Query:
        def run(text: str) -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as db:
                return db.execute(text).fetchall()

        return run

    @pytest.mark.anyio
    async def test_a_connection_that_is_open_sees_what_came_back(
        self, shop: Database, query: Query, tmp_path: Path
    ) -> None:
        data, _ = await dumped(shop)
        with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as user:
            user.execute("DELETE FROM orders WHERE id < 30")
            async with shop.scratch() as scratch:
                await scratch.load(pouring(data))
                await scratch.take_over(lambda _: None, keep="")
            assert user.execute("SELECT count(*) FROM orders").fetchone() == (50,)
            user.execute("INSERT INTO users VALUES (9, 'Zoe')")
        assert query("PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.anyio
    async def test_what_a_crash_left_is_swept(self, shop: Database, tmp_path: Path) -> None:
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "0123.sqlite-copy").write_text("half")
        assert await shop.sweep() == ("0123.sqlite-copy",)
        assert list((tmp_path / "work").iterdir()) == []

    @pytest.mark.anyio
    async def test_a_file_that_is_not_there_is_told_and_not_made(self, tmp_path: Path) -> None:
        missing = opened("sqlite:///missing.db", tmp_path, tmp_path / "work")
        with pytest.raises(BackupFailed, match=r"missing\.db"):
            await missing.describe()
        assert not (tmp_path / "missing.db").exists()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.mark.slow
class TestPostgresql(DatabaseContract):
    @pytest.fixture
    def url(self, server: Server) -> str:
        return server.database()

    @pytest.fixture
    def database(self, url: str, tmp_path: Path) -> Database:
        return opened(url, tmp_path, tmp_path / "work")

    @pytest.fixture
    def query(self, url: str) -> Query:
        return lambda text: rows(url, text)

    @pytest.mark.anyio
    async def test_sessions_of_users_end_and_new_ones_get_what_came_back(
        self, shop: Database, query: Query, url: str
    ) -> None:
        data, _ = await dumped(shop)
        query("DELETE FROM orders")
        with psycopg.connect(url) as user:
            user.execute("SELECT 1")
            async with shop.scratch() as scratch:
                await scratch.load(pouring(data))
                await scratch.take_over(lambda _: None, keep="")
            with pytest.raises(psycopg.OperationalError):
                user.execute("SELECT 1")
        assert query("SELECT count(*) FROM orders") == [(50,)]

    @pytest.mark.anyio
    async def test_settings_and_rights_of_the_database_stay(self, shop: Database, query: Query, url: str) -> None:
        name = url.rpartition("/")[2]
        query(f'ALTER DATABASE {name} SET search_path TO archive, public, "$user"')
        query(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        query(f"ALTER DATABASE {name} CONNECTION LIMIT 17")
        facts = f"SELECT datacl::text, datconnlimit, datcollate FROM pg_database WHERE datname = '{name}'"
        before = query(facts)
        data, _ = await dumped(shop)
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            await scratch.take_over(lambda _: None, keep="")
        assert query(facts) == before
        assert query("SHOW search_path") == [('archive, public, "$user"',)]

    @pytest.mark.anyio
    async def test_scratch_databases_that_nobody_uses_are_swept(self, shop: Database, query: Query) -> None:
        assert isinstance(shop, Postgresql)
        left, used = f"{shop.prefix}left", f"{shop.prefix}used"
        query(f"CREATE DATABASE {left}")
        query(f"CREATE DATABASE {used}")
        async with shop.connected(used):
            assert await shop.sweep() == (left,)
        assert await shop.sweep() == (used,)

    @pytest.mark.anyio
    async def test_a_database_that_was_dropped_comes_back(
        self, shop: Database, query: Query, url: str, server: Server
    ) -> None:
        data, content = await dumped(shop)
        rows(server.url("postgres"), f"DROP DATABASE {url.rpartition('/')[2]}")
        async with shop.scratch() as scratch:
            await scratch.load(pouring(data))
            await scratch.take_over(lambda _: None, keep="")
        assert (await shop.describe()).rows == content.rows

    @pytest.mark.anyio
    async def test_a_role_without_rights_is_told_what_it_needs(self, shop: Database, query: Query, url: str) -> None:
        role = f"reader_{url.rpartition('_')[2]}"
        query(f"CREATE ROLE {role} LOGIN")
        query(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        reader = Postgresql(url.replace("postgres@", f"{role}@"))
        data, _ = await dumped(reader)
        with pytest.raises(BackupFailed, match="permission denied") as refused:
            async with reader.scratch() as scratch:
                await scratch.load(pouring(data))
        assert "CREATEDB" in refused.value.next
