"""Nothing is lost when instances, workers and releases come and go."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import psutil
import pytest

from conversormpp import samples
from support.workload import Instance, until

pytestmark = pytest.mark.slow
Start = Callable[..., Instance]
LONG = samples.mspdi(3000)  # a job that lasts long enough to be interrupted


def running(service: Instance, url: str) -> bool:
    return bool(service.get(url).json()["status"] == "running")


def answers(service: Instance) -> bool:
    return bool(service.get("/api/health/queue").json()["status"] == "ok")


def connections(service: Instance) -> list[Any]:
    """The clients' connections to the web process."""
    all_of_it = psutil.Process(service.process.pid).net_connections("tcp")
    return [connection for connection in all_of_it if connection.status == psutil.CONN_ESTABLISHED]


def one_worker(service: Instance) -> psutil.Process:
    (worker,) = until(service.workers, "the worker runs")
    assert isinstance(worker, psutil.Process)
    return worker


def test_a_request_in_flight_is_answered_when_the_instance_is_stopped(start: Start) -> None:
    service = start(FAULT_LATENCY_MS="1500")
    with ThreadPoolExecutor(4) as pool:
        pending = [pool.submit(service.post, "/api/preview", "plan.xml", samples.mspdi(9)) for _ in range(4)]
        until(lambda: len(connections(service)) == 4, "the requests are on their way")
        code = service.stop()
        answers = [request.result() for request in pending]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.json()["tasks"] for answer in answers] == [9] * 4
    assert code == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{service.url}/health")
    assert service.log.splitlines()[-1].endswith("conversormpp 1.2.0 stopped")


def test_an_idle_keep_alive_connection_is_used_again(start: Start) -> None:
    service = start()
    ports = set()
    for _ in range(3):
        assert service.get("/health").status_code == 200
        ports |= {connection.raddr.port for connection in connections(service)}
    assert len(ports) == 1


def test_a_job_whose_worker_is_killed_is_finished_by_the_next_one(start: Start) -> None:
    service = start()
    url = service.submit("long.xml", LONG)
    until(lambda: running(service, url), "the job runs")
    first = one_worker(service)
    first.kill()
    job = service.finished(url)
    assert (job["status"], job["tasks"]) == ("done", 3000)
    assert one_worker(service).pid != first.pid
    assert len(json.loads(service.get(f"{url}/result").content)["tasks"]) == 3000


def test_a_job_that_kills_every_worker_fails_in_the_end(start: Start) -> None:
    service = start()
    url = service.submit("deadly.xml", LONG)
    for attempt in (1, 2, 3):
        until(lambda attempt=attempt: service.get(url).json()["attempts"] == attempt, "the job runs")
        one_worker(service).kill()
    job = service.finished(url)
    assert (job["status"], job["error"]) == ("failed", "3 workers died of it")


def test_an_instance_killed_in_the_middle_of_a_job_leaves_no_orphan_and_no_lost_job(start: Start) -> None:
    first = start()
    url = first.submit("long.xml", LONG)
    until(lambda: running(first, url), "the job runs")
    second, orphan = start(), one_worker(first)
    first.process.kill()  # the web process alone: its worker must see it and end
    job = second.finished(url)
    assert (job["status"], job["tasks"]) == ("done", 3000)
    until(lambda: not orphan.is_running(), "the worker of the killed instance has ended")


def test_an_instance_stopped_in_the_middle_of_a_job_loses_nothing(start: Start) -> None:
    first, second = start(), start()
    url = first.submit("long.xml", LONG)
    until(lambda: running(second, url), "the job runs")
    assert first.stop() == 0
    job = second.finished(url)
    assert (job["status"], job["tasks"]) == ("done", 3000)


def test_instances_of_a_release_share_one_worker(start: Start) -> None:
    first, second, third = (start() for _ in range(3))
    urls = [service.submit("plan.xml", samples.mspdi(5)) for service in (first, second, third) for _ in range(3)]
    assert {third.finished(url)["status"] for url in urls} == {"done"}
    assert sum(len(service.workers()) for service in (first, second, third)) == 1


def test_each_release_converts_its_own_jobs(start: Start) -> None:
    blue, green = start("1.0.0"), start("1.1.0")
    for service in (blue, green):  # both workers run
        until(partial(answers, service), "the queue is ok")
    for _ in range(5):
        assert "Duration (h)" not in blue.convert("plan.xml", samples.mspdi(3), "json").decode()
        assert "Duration (h)" in green.convert("plan.xml", samples.mspdi(3), "json").decode()


def test_a_job_outlives_its_release(start: Start) -> None:
    blue = start("1.0.0")
    url = blue.submit("long.xml", LONG)
    until(lambda: running(blue, url), "the job runs")
    blue.kill()
    green = start("1.1.0")
    job = green.finished(url)
    assert (job["status"], job["release"]) == ("done", "1.0.0")
