"""What every migrator must do. Subclass it, and give the fixture `world`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import anyio
import pytest

from comporta.model.errors import MigrationFailed
from comporta.model.migrations import SchemaState
from comporta.model.release import Artifact
from comporta.ports.migrator import Migrator


@dataclass(frozen=True)
class Sample:
    """A migration that makes a table, and drops it on the way back. `fails`: after making the table, it goes wrong."""

    revision: str
    table: str
    reversible: bool = True
    fails: bool = False


class MigratorWorld(Protocol):
    """A database, and releases that bring migrations of it."""

    def migrator(self) -> Migrator:
        """A new one, as another process would have it."""

    def release(self, version: str, *samples: Sample) -> Artifact:
        """A release that brings these migrations, and no others."""

    def tables(self) -> set[str]:
        """The tables that stand in the database, without those of the migrator."""


ORDERS, ITEMS, NOTES = Sample("0001", "orders"), Sample("0002", "items"), Sample("0003", "notes")


@pytest.mark.anyio
class MigratorContract:
    """Contract suite of the Migrator port. `atomic`: the engine undoes a failed migration whole."""

    atomic = True

    @pytest.fixture
    def world(self) -> MigratorWorld:
        raise NotImplementedError

    async def test_a_new_database_has_nothing_and_asking_changes_nothing(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS)
        assert await world.migrator().current(release) == SchemaState()
        assert world.tables() == set()

    async def test_a_release_tells_its_migrations_in_order_before_they_run(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, Sample("0002", "items", reversible=False))
        told = await world.migrator().migrations(release)
        assert [(one.revision, one.reversible) for one in told] == [("0001", True), ("0002", False)]
        assert all("1.0.0" in one.file for one in told)
        for one, table in zip(told, ("orders", "items"), strict=True):
            assert one.scripts is not None
            assert table in "".join(script.sql for script in one.scripts)

    async def test_a_release_may_bring_none(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0")
        assert await world.migrator().migrations(release) == ()
        assert await world.migrator().upgrade(release) == ()
        assert await world.migrator().downgrade(release, None) == ()

    async def test_upgrading_applies_all_in_order_and_the_database_knows_it(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, ITEMS, NOTES)
        assert await world.migrator().upgrade(release) == ("0001", "0002", "0003")
        assert world.tables() == {"orders", "items", "notes"}
        state = await world.migrator().current(release)
        assert (state.revision, state.applied, state.unfinished) == ("0003", ("0001", "0002", "0003"), None)

    async def test_upgrading_stops_at_the_revision_that_was_asked_for(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, ITEMS, NOTES)
        assert await world.migrator().upgrade(release, "0002") == ("0001", "0002")
        assert world.tables() == {"orders", "items"}
        assert await world.migrator().upgrade(release, "0001") == ()
        assert await world.migrator().upgrade(release) == ("0003",)

    async def test_upgrading_again_finds_nothing_to_do(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS)
        migrator = world.migrator()
        await migrator.upgrade(release)
        assert await migrator.upgrade(release) == ()
        assert await world.migrator().upgrade(release) == ()

    async def test_the_next_release_applies_only_what_is_new(self, world: MigratorWorld) -> None:
        await world.migrator().upgrade(world.release("1.0.0", ORDERS))
        assert await world.migrator().upgrade(world.release("1.1.0", ORDERS, ITEMS)) == ("0002",)

    async def test_a_failed_migration_is_told_by_its_file_and_those_before_it_stay(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, Sample("0002", "items", fails=True), NOTES)
        with pytest.raises(MigrationFailed, match="0002"):
            await world.migrator().upgrade(release)
        assert (await world.migrator().current(release)).applied == ("0001",)
        assert "notes" not in world.tables()
        if self.atomic:
            assert world.tables() == {"orders"}

    async def test_going_back_undoes_the_newest_first_down_to_a_revision(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, ITEMS, NOTES)
        await world.migrator().upgrade(release)
        assert await world.migrator().downgrade(release, "0001") == ("0003", "0002")
        assert world.tables() == {"orders"}
        assert (await world.migrator().current(release)).revision == "0001"
        assert await world.migrator().downgrade(release, "0001") == ()

    async def test_going_back_to_before_the_first_leaves_nothing(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, ITEMS)
        await world.migrator().upgrade(release)
        assert await world.migrator().downgrade(release, None) == ("0002", "0001")
        assert world.tables() == set()
        assert (await world.migrator().current(release)).revision is None
        assert await world.migrator().upgrade(release) == ("0001", "0002")

    async def test_where_there_is_no_way_back_nothing_is_undone(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, Sample("0002", "items", reversible=False), NOTES)
        await world.migrator().upgrade(release)
        with pytest.raises(MigrationFailed, match="no way back from 0002"):
            await world.migrator().downgrade(release, "0001")
        assert world.tables() == {"orders", "items", "notes"}
        assert await world.migrator().downgrade(release, "0002") == ("0003",)

    async def test_a_revision_that_the_release_does_not_have_is_refused(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS)
        with pytest.raises(MigrationFailed, match="0009"):
            await world.migrator().upgrade(release, "0009")
        assert world.tables() == set()

    async def test_what_another_release_brought_is_never_passed_over(self, world: MigratorWorld) -> None:
        await world.migrator().upgrade(world.release("1.0.0", ORDERS, ITEMS))
        other = world.release("1.0.0-other", ORDERS, NOTES)
        with pytest.raises(MigrationFailed, match="0002"):
            await world.migrator().upgrade(other)
        with pytest.raises(MigrationFailed, match="0002"):
            await world.migrator().downgrade(other, None)
        assert world.tables() == {"orders", "items"}

    async def test_of_two_at_once_one_migrates_and_the_other_finds_nothing_to_do(self, world: MigratorWorld) -> None:
        release = world.release("1.0.0", ORDERS, ITEMS, NOTES)
        applied: list[tuple[str, ...]] = []

        async def upgrade(migrator: Migrator) -> None:
            applied.append(await migrator.upgrade(release))

        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(functools.partial(upgrade, world.migrator()))
        assert sorted(applied) == [(), ("0001", "0002", "0003")]
        assert world.tables() == {"orders", "items", "notes"}
