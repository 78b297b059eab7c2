"""The migrator contract: each migrator on each engine, and the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comporta.model.migrations import Migration, Script
from comporta.model.release import Artifact
from comporta.ports.migrator import Migrator
from comporta.testing.fake_migrator import FakeDatabase, FakeMigrator
from comporta.testing.migrator_contract import MigratorContract, MigratorWorld, Sample
from support.migrating import AlembicWorld, CommandWorld, SqlWorld
from support.postgresql import Server, postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as started:
        yield started


class FakeWorld:
    def __init__(self) -> None:
        self.database = FakeDatabase()
        self.brought: dict[str, tuple[Migration, ...]] = {}
        self.names: dict[str, str] = {}

    def migrator(self) -> Migrator:
        return FakeMigrator(self.database, self.brought)

    def release(self, version: str, *samples: Sample) -> Artifact:
        self.names |= {sample.revision: sample.table for sample in samples}
        self.database.failing |= {sample.revision for sample in samples if sample.fails}
        self.brought[version] = tuple(
            Migration(
                revision=sample.revision,
                title=sample.table,
                file=f"{version}/{sample.revision}",
                scripts=(Script(sql=f"CREATE TABLE {sample.table} (id bigint)"),),
                reversible=sample.reversible,
            )
            for sample in samples
        )
        return Artifact(runtime="process", version=version, identity=version, launch={})

    def tables(self) -> set[str]:
        return {self.names[revision] for revision in self.database.applied}


class TestFake(MigratorContract):
    @pytest.fixture
    def world(self) -> MigratorWorld:
        return FakeWorld()


class TestSqlOnSqlite(MigratorContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> MigratorWorld:
        return SqlWorld(tmp_path, f"sqlite:///{tmp_path}/shop.db")


@pytest.mark.slow
class TestAlembicOnSqlite(MigratorContract):
    atomic = False  # Python's sqlite3 opens no transaction before CREATE TABLE

    @pytest.fixture
    def world(self, tmp_path: Path) -> MigratorWorld:
        return AlembicWorld(tmp_path, f"sqlite:///{tmp_path}/shop.db")


# On PostgreSQL, this would be Alembic's way through the same driver again, and its tests are the slowest.
@pytest.mark.slow
class TestCommandOnSqlite(MigratorContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> MigratorWorld:
        return CommandWorld(tmp_path, f"sqlite:///{tmp_path}/shop.db")


@pytest.mark.slow
class TestSqlOnPostgresql(MigratorContract):
    @pytest.fixture
    def world(self, tmp_path: Path, server: Server) -> MigratorWorld:
        return SqlWorld(tmp_path, server.database())


@pytest.mark.slow
class TestAlembicOnPostgresql(MigratorContract):
    @pytest.fixture
    def world(self, tmp_path: Path, server: Server) -> MigratorWorld:
        return AlembicWorld(tmp_path, server.database())
