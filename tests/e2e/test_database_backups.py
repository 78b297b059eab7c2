"""Backups as people make and restore them with the real command: killed anywhere, damaged, on a full disk."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from support.database_site import DatabaseSite, on_postgresql, on_sqlite
from support.postgresql import Server, postgresql, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PASSWORD = "hunter2:and\\more"
ENCODED = "hunter2%3Aand%5Cmore"


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
    shop.run("backup", die_at=0)
    acts = shop.acts()
    assert len(acts) > 5
    for n in range(1, len(acts) + 1):
        before = set(shop.ids())
        shop.run("backup", die_at=n, expect=-9)
        listing = shop.listed()
        assert listing["damaged"] == []
        if new := {backup["id"] for backup in listing["backups"]} - before:
            shop.run("verify", new.pop())
        assert shop.count() == 40
    shop.run("backup")
    assert shop.stored() == {f"{id}{end}" for id in shop.ids() for end in (".data", ".manifest.json")}
    assert leftovers(shop) == []


def test_a_restore_that_is_killed_anywhere_leaves_the_old_or_the_new(shop: DatabaseSite) -> None:
    shop.run("backup")
    (id,) = shop.ids()
    words = ("restore", id, "--yes", *(["--no-safety-backup"] if shop.url.startswith("postgres") else []))
    shop.fill(7)
    shop.run(*words, die_at=0)
    acts = shop.acts()
    assert len(acts) > 5
    seen = set()
    for n in range(1, len(acts) + 1):
        shop.fill(7)
        shop.run(*words, die_at=n, expect=-9)
        seen.add(shop.count())
        assert shop.count() in (7, 40), acts[n - 1]
    assert 7 in seen
    shop.run(*words)
    assert shop.count() == 40
    assert leftovers(shop) == []


def test_a_server_that_ends_every_session_in_the_middle_leaves_no_half_backup(tmp_path: Path) -> None:
    with postgresql() as own:
        shop = on_postgresql(tmp_path, own.database())
        shop.query("INSERT INTO items SELECT n, md5(n::text) FROM generate_series(1000, 600000) n")
        running = shop.start("backup")
        dumping(running)
        rows(
            own.url("postgres"),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'",
        )
        out, errors = running.communicate(timeout=120)
        assert running.returncode == 1, out + errors
        assert shop.listed() == {"backups": [], "damaged": []}
        assert shop.stored() == set()
        shop.run("backup")
        assert len(shop.ids()) == 1


def dumping(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """The family of a backup that is in the middle of its work."""
    deadline = time.monotonic() + 60
    while True:
        family = psutil.Process(running.pid).children(recursive=True)
        with suppress(psutil.Error):
            if any("pg_dump" in " ".join(child.cmdline()) for child in family):
                return family
        assert time.monotonic() < deadline, "no pg_dump runs"
        time.sleep(0.005)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_full_disk_there_is_no_half_backup(shop: DatabaseSite) -> None:
    disk = shop.folder / "backups"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        shop.run("backup", "--no-verify")
        (kept,) = shop.ids()
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        refused = shop.run("backup", expect=1)
        assert "free some space" in refused
        assert shop.ids() == [kept]
        (disk / "filler").unlink()
        shop.run("backup", "--no-verify")
        assert len(shop.ids()) == 2
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_credentials_show_up_nowhere(server: Server, tmp_path: Path) -> None:
    url = server.database()
    role = f"owner_{url.rpartition('_')[2]}"
    rows(url, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    shop = on_postgresql(tmp_path, url.replace("postgres@", f"{role}:{ENCODED}@"))
    shop.query("INSERT INTO items SELECT n, md5(n::text) FROM generate_series(1000, 600000) n")
    running = shop.start("backup")
    for child in dumping(running):
        assert "hunter2" not in " ".join([*child.cmdline(), *child.environ().values()])
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    said = out + errors + shop.run("list", "--json") + shop.run("restore", "--yes")
    assert "hunter2" not in said
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
