"""What only a journal on a disk can get wrong: crashes, tampering, other processes, other users."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.model.errors import JournalError, LeaseHeld
from comporta.model.journal import Kind
from comporta.testing.journal_contract import ANA, BEN, append

pytestmark = pytest.mark.anyio


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, redact=lambda text: text.replace("hunter2", "***"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_reading_a_journal_that_is_not_there_makes_no_file(path: Path):
    journal = open_journal(path)
    assert await journal.records(1) == []
    assert await journal.lease("production") is None
    assert not path.exists()


async def test_what_was_appended_is_there_after_reopening(path: Path):
    journal = open_journal(path)
    lease = await journal.acquire("production", ANA, at=1.0)
    number = await journal.open_deployment(at=1.0, lease=lease, actor="ana", data={"reason": "why"})
    again = open_journal(path)
    assert [r.data for r in await again.records(number)] == [{"reason": "why"}]
    assert await again.lease("production") == lease


async def test_only_the_owner_can_read_the_file(path: Path):
    await open_journal(path).acquire("production", ANA, at=1.0)
    assert path.stat().st_mode & 0o077 == 0


async def test_secrets_are_taken_out_before_anything_is_written(path: Path):
    journal = open_journal(path)
    lease = await journal.acquire("production", ANA, at=1.0)
    await append(journal, lease, data={"message": "password hunter2", "details": ["x", {"deep": "hunter2!"}]})
    await journal.heartbeat(lease, at=2.0, doing="with hunter2")
    for file in path.parent.iterdir():
        assert b"hunter2" not in file.read_bytes(), file.name


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET data = '{}' WHERE sequence = 2",
        "UPDATE records SET actor = 'mallory' WHERE sequence = 2",
        "UPDATE records SET at = at + 1 WHERE sequence = 2",
        "DELETE FROM records WHERE sequence = 2",
        "UPDATE records SET hash = previous WHERE sequence = 2",
    ],
)
async def test_any_change_to_an_earlier_record_is_found(path: Path, change: str):
    journal = open_journal(path)
    lease = await journal.acquire("production", ANA, at=1.0)
    for n in range(3):
        await append(journal, lease, data={"n": n})
    with sqlite3.connect(path) as db:
        db.execute(change)
    broken = await open_journal(path).verify()
    assert broken is not None
    assert broken.sequence in (2, 3)


async def test_a_file_that_is_not_a_journal_gives_a_clear_error(path: Path):
    path.write_bytes(b"this is not a database, it is a note" * 100)
    with pytest.raises(JournalError, match="cannot use the journal"):
        await open_journal(path).records(1)


async def test_of_many_processes_that_want_the_lease_at_once_exactly_one_gets_it(path: Path):
    await open_journal(path).records(1)
    script = textwrap.dedent("""
        import anyio, sys
        from pathlib import Path
        from comporta.drivers.journals.sqlite import SqliteJournal
        from comporta.model.errors import LeaseHeld
        from comporta.testing.journal_contract import ANA

        async def main():
            try:
                await SqliteJournal(Path(sys.argv[1]), lambda t: t).acquire("production", ANA, at=1.0)
                print("won")
            except LeaseHeld:
                print("held")
        anyio.run(main)
    """)
    racers = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert said == ["held"] * 5 + ["won"]


async def test_who_opens_a_new_journal_waits_for_others_that_open_it_too(path: Path):
    """As long as somebody writes to it, SQLite refuses at once to let it be shared."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.executescript("CREATE TABLE theirs (x); BEGIN IMMEDIATE")
    letting_go = threading.Timer(0.3, other.close)
    letting_go.start()
    await open_journal(path).acquire("production", ANA, at=1.0)
    letting_go.join()


async def test_a_process_killed_between_appends_leaves_a_whole_journal(path: Path):
    script = textwrap.dedent("""
        import anyio, sys
        from pathlib import Path
        from comporta.drivers.journals.sqlite import SqliteJournal
        from comporta.testing.journal_contract import ANA, append

        async def main():
            journal = SqliteJournal(Path(sys.argv[1]), lambda t: t)
            lease = await journal.acquire("production", ANA, at=1.0)
            n = 0
            while True:
                await append(journal, lease, data={"n": n, "filling": "x" * 2000})
                print(n, flush=True)
                n += 1
        anyio.run(main)
    """)
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = -1
        while said < 20:
            said = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        said = max([said, *map(int, writer.stdout.read().split())])
    journal = open_journal(path)
    kept = [r.data["n"] for r in reversed(await journal.find(kinds=(Kind.NOTE,)))]
    assert kept[: said + 1] == list(range(said + 1)), "everything that was reported as written is there"
    assert await journal.verify() is None
    with pytest.raises(LeaseHeld):
        await journal.acquire("production", BEN, at=2.0)


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="a full disk needs root, to mount one")
async def test_a_full_disk_is_an_error_and_not_a_broken_journal(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not allow mounting a small disk")
    try:
        journal = open_journal(disk / "journal.db")
        lease = await journal.acquire("production", ANA, at=1.0)
        with pytest.raises(JournalError, match="full"):
            for _ in range(200):
                await append(journal, lease, data={"filling": "x" * 4000})
        assert await journal.verify() is None
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
