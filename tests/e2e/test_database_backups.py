"""Backups as people make and restore them with the real command: killed anywhere, damaged, on a full disk."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from support.database_site import DatabaseSite, on_postgresql, on_sqlite
from support.postgresql import Server, postgresql, rows
from support.workload import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PASSWORD = "hunter2:and\\more"
ENCODED = "hunter2%3Aand%5Cmore"

MUCH_MORE = """
WITH RECURSIVE more (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM more WHERE n < 80000)
INSERT INTO items SELECT n, CAST(CAST(n AS bigint) * 7919 % 1000003 AS varchar(40)) FROM more
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSite:
    """With 40 items."""
    if request.param == "sqlite":
        return on_sqlite(tmp_path)
    server: Server = request.getfixturevalue("server")
    return on_postgresql(tmp_path, server.database())


def leftovers(shop: DatabaseSite) -> list[str]:
    if shop.url.startswith("sqlite"):
        return []
    own = shop.url.rpartition("/")[2]
    from comporta.drivers.databases.postgresql import Postgresql

    prefix = Postgresql(shop.url).prefix
    assert own not in prefix
    return [name for (name,) in shop.query(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{prefix}')")]


def test_back_up_verify_and_restore(shop: DatabaseSite) -> None:
    assert "verified" in shop.run("backup", "--reason", "before the weekend")
    shop.fill(5)
    assert "no terminal" in shop.run("restore", expect=1)
    assert shop.count() == 5
    said = shop.run("restore", "--yes")
    assert shop.count() == 40
    assert "40 rows" in said
    listed = shop.listed()["backups"]
    assert [(one["rows"], one["reason"]) for one in listed] == [
        ({"items": 5}, f"before restoring {listed[1]['id']}"),
        ({"items": 40}, "before the weekend"),
    ]
    shop.run("restore", listed[0]["id"], "--yes", "--no-safety-backup")
    shop.run("restore", listed[0]["id"], "--yes", "--no-safety-backup")
    assert shop.count() == 5
    assert len(shop.ids()) == 2


def test_a_damaged_backup_is_found_and_never_chosen(shop: DatabaseSite) -> None:
    shop.run("backup")
    shop.fill(7)
    shop.run("backup")
    newest, oldest = shop.ids()
    data = shop.folder / "backups" / f"{newest}.data"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    refused = shop.run("restore", newest, "--yes", "--no-safety-backup", expect=1)
    assert "checksum" in refused
    assert shop.count() == 7
    assert f"{newest}  damaged" in shop.run("verify", "--all", expect=1).replace("\x1b[31m", "").replace("\x1b[0m", "")
    shop.run("restore", "--yes", "--no-safety-backup")
    assert shop.count() == 40, f"{oldest} is the newest that is good"
    assert "checksum" in shop.run("restore", newest, "--yes", expect=1)


def test_a_backup_that_is_killed_anywhere_is_whole_or_not_there(shop: DatabaseSite) -> None:
    acts = []
    for act in shop.killed_everywhere("backup"):
        acts.append(act)
        assert shop.listing().damaged == (), act
        assert shop.count() == 40
    assert len(acts) > 5
    assert len(shop.listing().backups) > 1, "some were whole when it was killed"
    shop.run("verify", "--all")
    assert shop.stored() == {f"{one.id}{end}" for one in shop.listing().backups for end in (".data", ".manifest.json")}
    assert leftovers(shop) == []


def test_a_restore_that_is_killed_anywhere_leaves_the_old_or_the_new(shop: DatabaseSite) -> None:
    shop.run("backup", "--no-verify")
    (backup,) = shop.listing().backups
    shop.fill(7)
    seen = []
    for act in shop.killed_everywhere("restore", backup.id, "--yes", "--no-safety-backup"):
        seen.append(shop.count())
        assert seen[-1] in (7, 40), act
        shop.fill(7)
    assert len(seen) > 5
    assert seen[0] == 7
    assert shop.count() == 40, "what nothing struck came through"
    assert leftovers(shop) == []


def test_a_server_that_is_restarted_leaves_no_half_backup(server: Server, tmp_path: Path) -> None:
    shop = on_postgresql(tmp_path, server.database())
    with held_up(shop):
        running = shop.start("backup")
        family(running, "pg_dump")
        server.restart()
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 1, out + errors
    assert shop.listed() == {"backups": [], "damaged": []}
    assert shop.stored() == set()
    shop.run("backup")
    assert len(shop.ids()) == 1


def test_a_server_that_is_restarted_during_a_restore_keeps_what_it_has(server: Server, tmp_path: Path) -> None:
    """The view takes its time wherever it is not at home: in the scratch database."""
    shop = on_postgresql(tmp_path, server.database())
    home = shop.url.rpartition("/")[2]
    shop.query(f"CREATE MATERIALIZED VIEW slow AS SELECT pg_sleep(100)::text WHERE current_database() <> '{home}'")
    shop.run("backup", "--no-verify")
    shop.fill(7)
    running = shop.start("restore", *shop.ids(), "--yes", "--no-safety-backup")
    until(lambda: shop.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "the view takes its time")
    server.restart()
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 1, out + errors
    assert shop.count() == 7
    shop.query("DROP MATERIALIZED VIEW slow")
    shop.run("backup")
    assert leftovers(shop) == []


@contextmanager
def held_up(shop: DatabaseSite) -> Iterator[None]:
    """Nothing but pg_dump waits for a partitioned table, which has no rows of its own."""
    shop.query("CREATE TABLE shut (id int) PARTITION BY RANGE (id)")
    with closing(psycopg.connect(shop.url)) as user:
        user.execute("LOCK TABLE shut")
        yield


def family(running: subprocess.Popen[str], program: str) -> list[psutil.Process]:
    """The processes of a command, once it has started this program."""

    def started() -> list[psutil.Process]:
        children = psutil.Process(running.pid).children(recursive=True)
        with suppress(psutil.Error):
            return children if any(program in child.name() for child in children) else []
        return []

    return until(started, f"{program} runs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_full_disk_there_is_no_half_backup(shop: DatabaseSite) -> None:
    disk = shop.folder / "backups"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        shop.run("backup", "--no-verify")
        (kept,) = shop.ids()
        shop.query(MUCH_MORE)
        assert re.search("no space left|disk is full", shop.run("backup", expect=1)), "by the last one it fitted"
        assert shop.ids() == [kept]
        assert shop.stored() == {f"{kept}.data", f"{kept}.manifest.json"}
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        assert "free some space" in shop.run("backup", expect=1)
        assert shop.ids() == [kept]
        (disk / "filler").unlink()
        shop.fill(40)
        shop.query("VACUUM")
        shop.run("backup", "--no-verify")
        assert len(shop.ids()) == 2
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_credentials_show_up_nowhere(server: Server, tmp_path: Path) -> None:
    url = server.database()
    role = f"owner_{url.rpartition('_')[2]}"
    rows(url, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    shop = on_postgresql(tmp_path, url.replace("postgres@", f"{role}:{ENCODED}@"))
    with held_up(shop):
        running = shop.start("backup")
        for child in family(running, "pg_dump"):
            assert "hunter2" not in " ".join([*child.cmdline(), *child.environ().values()])
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    said = out + errors + shop.run("list", "--json") + shop.run("restore", "--yes")
    assert "hunter2" not in said
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
