"""Waking the process that delivers: apart from us, only where it is needed, and never a reason to fail."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from comporta.drivers.apart import LOG_BYTES
from comporta.drivers.courier import Courier
from comporta.drivers.outboxes.sqlite import SqliteOutbox
from comporta.model.journal import Kind
from support.records import record

RECORD = record(Kind.OPENED, sequence=5)


@pytest.fixture
def outbox(tmp_path: Path) -> SqliteOutbox:
    return SqliteOutbox(tmp_path / "deliveries.db")


def courier(folder: Path, outbox: SqliteOutbox) -> Courier:
    """One whose process has nothing to read, and says so in the log."""
    return Courier(folder / "nowhere.yml", "test", folder, outbox)


def said(log: Path) -> str:
    deadline = time.monotonic() + 60
    while not (log.exists() and "\n" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return log.read_text()


@pytest.mark.slow
def test_what_the_process_says_is_in_a_log_that_only_its_owner_can_read(tmp_path: Path, outbox: SqliteOutbox) -> None:
    log = tmp_path / "alerts.log"
    courier(tmp_path, outbox).wake(RECORD)
    assert "nowhere.yml" in said(log)
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_log_that_is_too_long_begins_anew(tmp_path: Path, outbox: SqliteOutbox) -> None:
    log = tmp_path / "alerts.log"
    log.write_text("x" * (LOG_BYTES + 1))
    courier(tmp_path, outbox).wake(RECORD)
    assert len(said(log)) < 1000


def test_where_another_delivers_none_is_started(tmp_path: Path, outbox: SqliteOutbox) -> None:
    with outbox.turn("test"):
        courier(tmp_path, outbox).wake(RECORD)
    assert not (tmp_path / "alerts.log").exists()


@pytest.mark.slow
@pytest.mark.anyio
async def test_of_two_that_are_woken_it_does_not_matter_who_comes_first(tmp_path: Path, outbox: SqliteOutbox) -> None:
    woken = courier(tmp_path, outbox)
    woken.wake(RECORD)
    woken.wake(record(Kind.FINISHED, sequence=6))
    assert await outbox.position("test") == 4, "the one of the first record may be outrun by that of the second"
    assert "nowhere.yml" in said(tmp_path / "alerts.log")


def test_a_state_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    courier(state, SqliteOutbox(state / "deliveries.db")).wake(RECORD)
