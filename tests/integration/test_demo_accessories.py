"""The servers beside the demonstration's containers, with the example service leaning on them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from comporta.demo.accessories import ELSEWHERE, accessories
from conversormpp import samples
from make_release import make_release
from support.workload import Instance, until

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Iterator[Path]:
    path = os.pathsep.join((os.environ["PATH"], ELSEWHERE))
    if missing := [name for name in ("initdb", "redis-server", "rclone") if shutil.which(name, path=path) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    # Not below pytest's own folders: PostgreSQL's user could not reach it there.
    with tempfile.TemporaryDirectory(prefix="accessories-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
        assert [process.pid for process in psutil.process_iter() if _works_in(process, folder)] == []


def test_the_service_is_well_on_all_three_and_they_end_with_the_block(place: Path) -> None:
    release = make_release("1.1.0", place / "release")
    with accessories(place, "127.0.0.1") as environment:
        service = Instance(release, place / "data", place / "service.log", environment)
        try:
            for check in ("database", "storage", "queue", "performance"):
                until(partial(_is_well, service, check), f"{check} is ok")
            assert b"Task 5" in service.convert("plan.xml", samples.mspdi(5), "csv")
        finally:
            service.kill()
    kept = {path.parent.name for path in (place / "store").rglob("*") if path.is_file()}
    assert kept == {"uploads", "results"}


def test_nobody_gets_in_without_the_password(place: Path) -> None:
    import psycopg
    import redis

    with accessories(place, "127.0.0.1") as environment:
        database, queue = (environment[name].rpartition("@")[2] for name in ("DATABASE_URL", "QUEUE_URL"))
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://conversormpp:guess@{database}")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(f"redis://{queue}").ping()


def _is_well(service: Instance, check: str) -> bool:
    return bool(service.get(f"/api/health/{check}").json()["status"] == "ok")


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False
