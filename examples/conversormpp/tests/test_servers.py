"""The same service with PostgreSQL, Redis and an S3-compatible store instead of the embedded parts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from conversormpp import samples
from support.workload import Instance, free_port, until

pytestmark = pytest.mark.slow
Start = Callable[..., Instance]
Redis = tuple[str, "subprocess.Popen[bytes]"]
LONG = samples.mspdi(3000)
CHECKS = ("database", "storage", "queue", "performance")


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings for an S3-compatible server with one bucket."""
    if shutil.which("rclone") is None:
        pytest.skip("rclone, whose `serve s3` is the S3-compatible server, is not installed")
    (tmp_path / "s3/files").mkdir(parents=True)
    port = free_port()
    address, keys = f"127.0.0.1:{port}", ("tester", "not-a-secret")
    command = ["rclone", "serve", "s3", str(tmp_path / "s3"), "--addr", address, "--auth-key", ",".join(keys)]
    server = subprocess.Popen([*command, "--config", ""], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(f"http://{address}"), "the S3-compatible server answers")
        yield {
            "STORAGE_URL": "s3://files/conversormpp",
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
        }
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    try:
        httpx2.get(url)
    except httpx2.TransportError:
        return False
    return True


def healthy(service: Instance, check: str) -> bool:
    return bool(service.get(f"/api/health/{check}").json()["status"] == "ok")


def assert_all_well(service: Instance) -> None:
    for check in CHECKS:  # asked again, as a deployment does: a worker may start slowly on a busy machine
        until(partial(healthy, service, check), f"{check} is ok")
    assert b"Task 5" in service.convert("plan.xml", samples.mspdi(5), "csv")


def test_postgresql_keeps_the_history(start: Start, postgresql: str, data: Path) -> None:
    first, second = start("1.0.0", DATABASE_URL=postgresql), start("1.1.0", DATABASE_URL=postgresql)
    assert_all_well(first)
    assert_all_well(second)
    assert not list(data.glob("*.db"))


def test_an_s3_store_keeps_the_files(start: Start, s3: dict[str, str], tmp_path: Path, data: Path) -> None:
    assert_all_well(start(**s3))
    kept = [path for path in (tmp_path / "s3").rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} == {"uploads", "results"}
    assert not (data / "files").exists()


def test_redis_brings_the_jobs(start: Start, redis: Redis) -> None:
    url, _ = redis
    services = [start(version, QUEUE_URL=url) for version in ("1.0.0", "1.1.0", "1.1.0")]
    for service in services:
        assert_all_well(service)
    assert sum(len(service.workers()) for service in services) == 2
    assert "Duration (h)" not in services[0].convert("plan.xml", samples.mspdi(3), "json").decode()
    assert "Duration (h)" in services[1].convert("plan.xml", samples.mspdi(3), "json").decode()


def test_redis_delivers_again_what_a_killed_worker_had(start: Start, redis: Redis) -> None:
    service = start(QUEUE_URL=redis[0])
    url = service.submit("long.xml", LONG)
    until(lambda: service.get(url).json()["status"] == "running", "the job runs")
    (worker,) = service.workers()
    worker.kill()
    job = service.finished(url)
    assert (job["status"], job["tasks"]) == ("done", 3000)


def test_a_dead_redis_is_reported_and_takes_no_jobs(start: Start, redis: Redis) -> None:
    url, server = redis
    service = start(QUEUE_URL=url)
    until(partial(healthy, service, "queue"), "the queue is ok")
    server.kill()
    server.wait()
    answer = service.get("/api/health/queue")
    assert (answer.status_code, answer.json()["status"]) == (503, "error")
    assert "Redis does not answer" in answer.json()["reason"]
    assert service.post("/api/conversions", "plan.xml", samples.mspdi(3)).status_code == 503
    assert service.get("/api/conversions").json()["total"] == 0
