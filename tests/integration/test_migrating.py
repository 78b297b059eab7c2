"""Migrations on real engines: killed at any moment, held up by others' locks, two at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import psutil
import psycopg
import pytest

from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Dialect, Harm, SchemaState
from comporta.model.release import Artifact
from comporta.safety.assessing import assess
from comporta.testing.migrator_contract import Sample
from support.migrating import AlembicWorld, SqlWorld, World
from support.postgresql import Server, postgresql, rows

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
MIGRATE = Path(__file__).parents[1] / "support" / "migrate.py"
LOCKING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'comporta%'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as started:
        yield started


@pytest.fixture
def url(server: Server) -> str:
    return server.database()


@pytest.fixture
def world(tmp_path: Path, url: str) -> SqlWorld:
    return SqlWorld(tmp_path, url)


@contextmanager
def migrating(
    world: World, release: Artifact, way: str = "up", lock_timeout: float = 60.0
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that migrates; killed at the end, if it still lives."""
    words = [type(world).__name__, str(world.base), world.url, release.version, way, str(lock_timeout)]
    path = os.pathsep.join([str(MIGRATE.parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, str(MIGRATE), *words],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.02)


def waiting_for_a_lock(url: str) -> Callable[[], bool]:
    return lambda: rows(url, LOCKING)[0][0] > 0


@contextmanager
def open_transaction(url: str, statement: str) -> Iterator[None]:
    """Somebody who began a transaction, and does not end it."""
    with closing(psycopg.connect(url, application_name="a long report")) as connection:
        connection.execute(statement.encode())
        yield


async def test_killed_inside_a_migration_nothing_of_it_stays_and_the_next_start_goes_on(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE gate (id int)")
    release = world.files(
        "1.0.0",
        _0001_orders="CREATE TABLE orders (id int);",
        _0002_items="CREATE TABLE items (id int);\nLOCK TABLE gate;\nCREATE TABLE notes (id int);",
    )
    with open_transaction(world.url, "LOCK TABLE gate"), migrating(world, release) as process:
        until(waiting_for_a_lock(world.url), "the migration waits at the gate")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (await world.migrator().current(release)).applied == ("0001",)
    assert await world.migrator().upgrade(release) == ("0002",)
    assert world.tables() == {"gate", "orders", "items", "notes"}


async def test_a_database_that_is_restarted_inside_a_migration_has_nothing_of_it(
    server: Server, world: SqlWorld
) -> None:
    rows(world.url, "CREATE TABLE gate (id int)")
    release = world.files("1.0.0", _0001_orders="CREATE TABLE orders (id int);\nLOCK TABLE gate;")
    with open_transaction(world.url, "LOCK TABLE gate"), migrating(world, release) as process:
        until(waiting_for_a_lock(world.url), "the migration waits at the gate")
        server.restart()
        assert process.wait(60) != 0
    assert await world.migrator().current(release) == SchemaState()
    assert world.tables() == {"gate"}
    assert await world.migrator().upgrade(release) == ("0001",)


@pytest.mark.parametrize("kind", [SqlWorld, AlembicWorld])
async def test_killed_again_and_again_up_and_down_it_comes_to_a_right_end(
    tmp_path: Path, url: str, kind: type[World]
) -> None:
    """Each table is made and dropped once: what was done twice, or half, would fail."""
    world = kind(tmp_path, url)
    samples = [Sample(f"{n:04}", f"t{n}") for n in range(1, 4)]
    release = world.release("1.0.0", *samples)

    async def killed(way: str) -> None:
        """Killed as soon as the database has gone one step further than before, until it is done."""
        while True:
            before = (await world.migrator().current(release)).applied
            with migrating(world, release, way) as process:
                while process.poll() is None and (await world.migrator().current(release)).applied == before:
                    await anyio.sleep(0.005)
                if process.poll() is not None:
                    assert process.returncode == 0, process.stderr.read().decode()
                    return

    await killed("up")
    assert (await world.migrator().current(release)).applied == tuple(sample.revision for sample in samples)
    assert world.tables() == {sample.table for sample in samples}
    await killed("down")
    assert (await world.migrator().current(release)) == SchemaState()
    assert world.tables() == set()


async def test_an_index_that_was_begun_is_known_and_built_again(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE orders (id int, customer int)")
    release = world.files("1.0.0", _0001_index="CREATE INDEX CONCURRENTLY by_customer ON orders (customer);")
    with open_transaction(world.url, "INSERT INTO orders VALUES (1, 1)"), migrating(world, release) as process:
        until(waiting_for_a_lock(world.url), "the index waits for the open transaction")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (await world.migrator().current(release)).unfinished == "0001"
    assert await world.migrator().upgrade(release) == ("0001",)
    assert rows(world.url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_customer'::regclass") == [(True,)]
    assert (await world.migrator().current(release)) == SchemaState(revision="0001", applied=("0001",))


async def test_an_index_that_cannot_be_built_leaves_nothing(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE orders (number int)")
    rows(world.url, "INSERT INTO orders VALUES (1), (1)")
    release = world.files("1.0.0", _0001_index="CREATE UNIQUE INDEX CONCURRENTLY one_number ON orders (number);")
    with pytest.raises(MigrationFailed, match="duplicated"):
        await world.migrator().upgrade(release)
    assert rows(world.url, "SELECT to_regclass('one_number')") == [(None,)]
    assert await world.migrator().current(release) == SchemaState()


async def test_what_another_one_waits_for_does_not_hold_up_an_index(world: SqlWorld) -> None:
    """A session that waited for the lock inside the server would be waited for by CREATE INDEX CONCURRENTLY."""
    rows(world.url, "CREATE TABLE orders (id int, customer int)")
    release = world.files(
        "1.0.0",
        _0001_index="CREATE INDEX CONCURRENTLY by_customer ON orders (customer);",
        _0002_index="CREATE INDEX CONCURRENTLY by_id ON orders (id);",
    )
    applied = []

    async def upgrade() -> None:
        applied.append(await world.migrator().upgrade(release))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(upgrade)
    assert sorted(applied) == [(), (), ("0001", "0002")]


async def test_of_two_processes_one_migrates_and_the_other_waits(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE gate (id int)")
    release = world.files("1.0.0", _0001_orders="LOCK TABLE gate;\nCREATE TABLE orders (id int);")
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'comporta migration'"
    with migrating(world, release) as first, migrating(world, release) as second:
        with open_transaction(world.url, "LOCK TABLE gate"):
            # Which of them came first, and whether it came before the gate was shut, does not matter.
            until(lambda: rows(world.url, sessions)[0][0] == 2 or world.tables() == {"gate", "orders"}, "both are here")
        assert (first.wait(60), second.wait(60)) == (0, 0)
    assert world.tables() == {"gate", "orders"}
    assert len(rows(world.url, "SELECT * FROM comporta_migrations")) == 1


class Users:
    """They read and write a table all the time, and never wait for longer than three seconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._enough = threading.Event()
        self.done = 0
        self.failures: list[str] = []

    def __enter__(self) -> Users:
        self._threads = [threading.Thread(target=self._use) for _ in range(3)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _use(self) -> None:
        with closing(psycopg.connect(self._url, autocommit=True, options="-c statement_timeout=3s")) as connection:
            while not self._enough.is_set():
                try:
                    connection.execute("INSERT INTO orders (id) VALUES (1)")
                    connection.execute("SELECT count(*) FROM orders")
                    self.done += 1
                except psycopg.Error as error:
                    self.failures.append(str(error))
                time.sleep(0.002)


async def test_a_lock_held_by_a_long_transaction_is_given_up_and_users_are_served(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE orders (id int)")
    release = world.files("1.0.0", _0001_notes="CREATE TABLE notes (id int);\nALTER TABLE orders ADD COLUMN note text;")
    with Users(world.url) as users:
        with open_transaction(world.url, "SELECT count(*) FROM orders"):
            with pytest.raises(MigrationFailed, match="lock timeout") as failed:
                await world.migrator().upgrade(release)
            until(lambda before=users.done: users.done > before, "users are served")
        assert world.tables() == {"orders"}
        assert await world.migrator().current(release) == SchemaState()
        assert "0001_notes" in failed.value.message
        assert "a long report" in "".join(failed.value.details)
        assert await world.migrator().upgrade(release) == ("0001",)
    assert users.failures == []
    assert users.done > 0


async def test_a_lock_that_becomes_free_is_met_by_another_attempt(world: SqlWorld) -> None:
    rows(world.url, "CREATE TABLE orders (id int)")
    release = world.files("1.0.0", _0001_note="ALTER TABLE orders ADD COLUMN note text;")
    with migrating(world, release, lock_timeout=0.1) as process:
        with open_transaction(world.url, "LOCK TABLE orders IN ACCESS SHARE MODE"):
            until(lambda: waiting_for_a_lock(world.url)() or process.poll() is not None, "an attempt waits")
        assert process.wait(60) == 0
    assert (await world.migrator().current(release)).revision == "0001"


async def test_the_wait_for_another_migration_ends(world: SqlWorld, tmp_path: Path) -> None:
    release = world.files("1.0.0", _0001_orders="CREATE TABLE orders (id int);")
    hasty = SqlWorld(tmp_path, world.url, lock_wait=0.5)
    held = open_transaction(world.url, f"SELECT pg_advisory_lock({0x636F6D706F727461})")
    with held, pytest.raises(MigrationFailed, match="another migration held its lock"):
        await hasty.migrator().upgrade(release)
    assert world.tables() == set()


async def test_alembic_does_not_outlive_who_started_it(tmp_path: Path, url: str) -> None:
    world = AlembicWorld(tmp_path, url)
    rows(url, "CREATE TABLE gate (id int)")
    release = world.release("1.0.0")
    folder = tmp_path / "releases" / "1.0.0"
    up = '    op.execute("LOCK TABLE gate")\n    op.execute("CREATE TABLE orders (id int)")'
    world.migration(folder, "0001", None, up)
    with open_transaction(url, "LOCK TABLE gate"), migrating(world, release) as process:
        until(waiting_for_a_lock(url), "Alembic waits at the gate")
        started = psutil.Process(process.pid).children(recursive=True)
        assert any("alembic" in " ".join(child.cmdline()) for child in started)
        process.send_signal(signal.SIGKILL)
        process.wait()
        gone, alive = psutil.wait_procs(started, timeout=30)
        assert not alive
        assert gone
    assert await world.migrator().upgrade(release) == ("0001",)


async def test_alembic_keeps_the_limits_and_tries_again(tmp_path: Path, url: str) -> None:
    world = AlembicWorld(tmp_path, url)
    rows(url, "CREATE TABLE orders (id int)")
    release = world.release("1.0.0")
    world.migration(tmp_path / "releases" / "1.0.0", "0001", None, '    op.execute("LOCK TABLE orders")')
    with open_transaction(url, "LOCK TABLE orders IN ACCESS SHARE MODE"), pytest.raises(MigrationFailed) as failed:
        await world.migrator().upgrade(release)
    assert "lock timeout" in "".join(failed.value.details)
    assert await world.migrator().upgrade(release) == ("0001",)


async def test_hazards_of_alembic_are_found_at_the_line_of_the_operation(tmp_path: Path, url: str) -> None:
    world = AlembicWorld(tmp_path, url)
    release = world.release("1.0.0")
    folder = tmp_path / "releases" / "1.0.0"
    up = (
        '    op.add_column("orders", sa.Column("note", sa.Text))\n'
        '    op.drop_column("orders", "weight")\n'
        "    # comporta: safe because no release reads it\n"
        '    op.drop_column("orders", "height")\n'
    )
    world.migration(folder, "0001", None, up)
    world.migration(folder, "0002", "0001", '    # comporta: contract\n    op.drop_table("orders")')
    world.migration(folder, "0003", "0002", '    op.get_bind().execute(sa.text("SELECT 1")).scalar_one()')
    found = assess(await world.migrator().migrations(release), Dialect.POSTGRESQL)
    lines = (folder / "alembic" / "versions" / "0001_step.py").read_text().splitlines()
    assert [(h.rule, lines[h.line - 1].strip()) for h in found[0].stopping] == [
        ("drop-column", 'op.drop_column("orders", "weight")')
    ]
    assert [lines[h.line - 1].strip() for h in found[0].waived] == ['op.drop_column("orders", "height")']
    assert (found[1].phase, found[1].stopping) == ("contract", ())
    assert {h.harm for h in found[2].stopping} == {Harm.UNREAD, Harm.BREAKS}


async def test_alembic_branches_are_refused(tmp_path: Path, url: str) -> None:
    world = AlembicWorld(tmp_path, url)
    release = world.release("1.0.0", Sample("0001", "a"), Sample("0002", "b"))
    world.migration(tmp_path / "releases" / "1.0.0", "0003", "0001", "    pass")
    with pytest.raises(MigrationFailed, match="one order"):
        await world.migrator().migrations(release)


async def test_an_error_names_file_line_and_statement_and_no_password(tmp_path: Path, url: str) -> None:
    world = SqlWorld(tmp_path, url)
    release = world.files("1.0.0", _0001_orders="CREATE TABLE orders (id int);\n\nALTER TABLE nowhere\nADD a int;")
    with pytest.raises(
        MigrationFailed, match=r'0001_orders.up.sql, line 3: relation "nowhere" does not exist'
    ) as error:
        await world.migrator().upgrade(release)
    assert error.value.details == ("ALTER TABLE nowhere", "ADD a int")
    unreachable = SqlWorld(tmp_path, "postgresql://shop:geheim@127.0.0.1:1/shop")
    with pytest.raises(MigrationFailed, match="cannot reach the database") as error:
        await unreachable.migrator().current(release)
    assert "geheim" not in f"{error.value.message}{error.value.details}{error.value.next}"


async def test_a_migration_that_ends_its_own_transaction_is_refused_before_anything_runs(world: SqlWorld) -> None:
    release = world.files("1.0.0", _0001_a="CREATE TABLE a (id int);", _0002_b="CREATE TABLE b (id int);\nCOMMIT;")
    with pytest.raises(MigrationFailed, match=r"0002_b\.up\.sql, line 2"):
        await world.migrator().upgrade(release)
    assert world.tables() == set()


async def test_sqlite_begins_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    world = SqlWorld(tmp_path, f"sqlite:///{tmp_path}/data/production/shop.db")
    release = world.release("1.0.0", Sample("0001", "orders"))
    assert await world.migrator().upgrade(release) == ("0001",)


async def test_sqlite_waits_for_a_writer_and_gives_up_without_a_trace(tmp_path: Path) -> None:
    world = SqlWorld(tmp_path, f"sqlite:///{tmp_path}/shop.db", lock_timeout=0.05)
    release = world.release("1.0.0", Sample("0001", "orders"))
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(MigrationFailed, match="locked"):
            await world.migrator().upgrade(release)
        writer.execute("ROLLBACK")
    assert await world.migrator().current(release) == SchemaState()
    assert await world.migrator().upgrade(release) == ("0001",)


async def test_sqlite_killed_again_and_again_comes_to_a_right_end(tmp_path: Path) -> None:
    world = SqlWorld(tmp_path, f"sqlite:///{tmp_path}/shop.db")
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    fill = f"CREATE TABLE t{{0}} (id int);\nINSERT INTO t{{0}} {slow} SELECT i FROM n;"
    release = world.files("1.0.0", **{f"_{n:04}_t": fill.format(n) for n in range(1, 7)})
    while True:
        before = (await world.migrator().current(release)).applied
        with migrating(world, release) as process:
            while process.poll() is None and (await world.migrator().current(release)).applied == before:
                await anyio.sleep(0.002)
            if process.poll() is not None:
                assert process.returncode == 0
                break
    assert len((await world.migrator().current(release)).applied) == 6
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        assert {db.execute(f"SELECT count(*) FROM t{n}").fetchone() for n in range(1, 7)} == {(100000,)}
