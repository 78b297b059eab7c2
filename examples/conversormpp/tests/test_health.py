"""A health check is green only while the part that it names works, and says why when it does not."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conversormpp import samples
from support.workload import Instance, until

pytestmark = pytest.mark.slow
Start = Callable[..., Instance]
CHECKS = ("database", "storage", "queue", "performance")


def state(service: Instance, check: str) -> str:
    """The check's status; an error comes with a reason and 503, and never hurts the process."""
    answer = service.get(f"/api/health/{check}")
    body = answer.json()
    assert (answer.status_code, bool(body.get("reason"))) == ((200, False) if body["status"] == "ok" else (503, True))
    assert service.get("/health").json()["status"] == "ok"
    return str(body["status"])


def states(service: Instance) -> dict[str, str]:
    return {check: state(service, check) for check in CHECKS}


def test_all_checks_pass_and_leave_nothing_behind(start: Start, data: Path) -> None:
    service = start()
    until(lambda: set(states(service).values()) == {"ok"}, "all checks pass")
    assert service.get("/api/conversions").json()["total"] == 0
    assert [file for file in (data / "files").rglob("*") if file.is_file()] == []


def test_storage_fails_when_its_directory_is_gone(start: Start, data: Path) -> None:
    service = start()
    shutil.rmtree(data / "files")
    assert (state(service, "storage"), state(service, "database")) == ("error", "ok")
    (data / "files").mkdir()
    assert state(service, "storage") == "ok"


def test_storage_fails_when_its_directory_cannot_be_used(start: Start, data: Path) -> None:
    service = start()
    shutil.rmtree(data / "files")
    (data / "files").write_text("in the way")
    assert state(service, "storage") == "error"
    assert service.post("/api/conversions", "plan.xml", samples.mspdi(3)).status_code == 503


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only directories")
def test_storage_fails_when_its_directory_is_read_only(start: Start, data: Path) -> None:
    service = start()
    (data / "files").chmod(0o555)
    assert state(service, "storage") == "error"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no database" * 1000)])
def test_the_database_fails_when_its_file_is_gone_or_damaged(
    start: Start, data: Path, damage: Callable[[Path], object]
) -> None:
    service = start()
    assert state(service, "database") == "ok"
    for file in data.glob("conversormpp.db-*"):
        file.unlink()
    damage(data / "conversormpp.db")
    assert (state(service, "database"), state(service, "storage")) == ("error", "ok")
    assert service.get("/api/conversions").status_code == 503


def test_an_instance_without_its_database_runs_and_says_so(start: Start) -> None:
    service = start(DATABASE_URL="sqlite:////nowhere/at.all")
    assert (state(service, "database"), state(service, "queue"), state(service, "storage")) == ("error", "error", "ok")
    assert "cannot look for jobs" in service.log


def test_the_queue_fails_when_no_worker_can_run(start: Start, data: Path) -> None:
    service = start()
    with (data / "worker-1.2.0.lock").open("w") as seat:
        fcntl.flock(seat, fcntl.LOCK_EX)
        assert (state(service, "queue"), state(service, "performance")) == ("error", "error")
    until(lambda: state(service, "queue") == "ok", "the queue is ok")
