"""The command with the runtime `docker`: images that it builds, behind a real nginx."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from comporta.load import LoadGenerator, Request
from support.docker_site import DockerSite, Reader, docker_site
from support.docker_world import docker, need_engine
from support.nginx_container import gateway, nginx_container

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerSite]:
    with docker_site(tmp_path_factory.mktemp("shop")) as made:
        for how in ("unhealthy", "crashing", "unbuildable"):
            made.add_release(f"2.0.0-{how}", how=how)
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def old(shop: DockerSite) -> DockerSite:
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    return shop


def test_deploy_and_roll_back_lose_no_request(old: DockerSite) -> None:
    with Reader(old.port) as reader:
        there = old.comporta("deploy", "1.1.0", "--yes").stdout
        back = old.comporta("rollback", "--yes").stdout
    assert "promoted: 1.1.0" in there
    assert {old.label(container, "comporta.deployment") for container in old.containers()} >= {"1", "2"}
    assert "1.0.0" in back
    assert reader.failures == []
    assert reader.pages == {"1.0.0", "1.1.0"}


def test_an_nginx_in_a_container_switches_as_the_runbook_has_it_and_loses_no_request(tmp_path: Path) -> None:
    need_engine()
    router = tmp_path / ".comporta" / "development" / "nginx"
    with (
        nginx_container(tmp_path / "proxy", router, "--network", "host") as proxy,
        docker_site(tmp_path, host=gateway(), proxy=proxy) as site,
    ):
        site.comporta("deploy", "1.0.0", "--yes")
        with Reader(site.port) as reader:
            there = site.comporta("deploy", "1.1.0", "--yes").stdout
            site.comporta("rollback", "--yes")
        assert "proven from outside" in there
        assert (reader.pages, reader.failures) == ({"1.0.0", "1.1.0"}, [])
        assert "reloaded with `docker exec" in site.comporta("doctor").stdout


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("unhealthy", ["the image's own health check: no database"]),
        ("crashing", ["exit code 7", "cannot find the settings"]),
        ("unbuildable", ["returned a non-zero code: 9", "no compiler here"]),
    ],
)
def test_a_bad_release_is_refused_with_its_cause_and_the_old_one_serves(
    old: DockerSite, how: str, said: list[str]
) -> None:
    with Reader(old.port) as reader:
        done = old.comporta("deploy", f"2.0.0-{how}", "--yes", expect=None)
    assert done.returncode in (1, 2)
    told = done.stdout + done.stderr
    assert [text for text in said if text not in told] == [], told
    assert (reader.pages, reader.failures) == ({"1.0.0"}, [])


@pytest.mark.parametrize("place", ["do:start-instances:after-effect", "do:shift-traffic:after-effect"])
def test_a_deployment_that_was_killed_is_resumed(old: DockerSite, place: str) -> None:
    with Reader(old.port) as reader:
        old.killed_at(place, "deploy", "1.1.0", "--yes")
        old.comporta("resume", "--yes")
    assert old.live() == "1.1.0"
    assert reader.failures == []
    old.comporta("rollback", "--yes")


def test_doctor_and_logs_know_containers(old: DockerSite) -> None:
    assert "Docker Engine" in old.comporta("doctor").stdout
    assert "serving 3000" in old.comporta("logs", "--lines", "5").stdout


def states(site: DockerSite) -> list[str]:
    """Of the instances that serve."""
    seen = site.json("status")
    return [instance["state"] for instance in seen["slots"][seen["live"]["slot"]]["instances"]]


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_an_instance_that_is_ended_by_hand_costs_no_request_but_those_it_had(old: DockerSite, how: str) -> None:
    mix = [Request("get", "GET", "/", weight=9), Request("post", "POST", "/cgi-bin/env", b"x" * 100)]
    victim = f"{old.service}.development.{old.json('status')['live']['slot']}-1"
    async with LoadGenerator(f"http://127.0.0.1:{old.port}/", rate=100, mix=mix, timeout=60) as load:
        await anyio.sleep(1)
        await anyio.to_thread.run_sync(docker, how, victim)
        ended = time.monotonic()
        await anyio.sleep(2)
        report = await load.stop()
    beyond = [sample for sample in report.failed if sample.kind != "post" or sample.started > ended]
    assert beyond == [], "nginx asks the other instance, but never twice for what was sent and may have been done"
    assert [sample for sample in report.answered if sample.started > ended] != []
    assert states(old) == ["stopped" if how == "stop" else "failed", "running"]
    old.comporta("deploy", "1.0.0", "--yes")
    assert states(old) == ["running", "running"]
