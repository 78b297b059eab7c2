"""An nginx in a container, in the machine's network or in one of its own, while users send requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from comporta.drivers.routers.asking import generation
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.nginx_workers import master_of
from comporta.testing.router_contract import BLUE, GREEN, STAGES
from support.backends import free_port
from support.docker_world import docker, need_engine
from support.nginx_container import gateway, nginx_container
from support.nginx_stand import NginxStand, nginx_stand
from support.under_load import ProvenReloads, UnderLoad

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@dataclass(frozen=True)
class Place:
    """Where nginx and the instances are."""

    options: NginxOptions
    state: Path
    listen: str
    instance_host: str = "127.0.0.1"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[NginxStand]:
        where = {"listen": self.listen, "instance_host": self.instance_host}
        async with nginx_stand(self.state, self.options, STAGES, **where) as stand:
            await stand.router.configure(stand.topology)
            await stand.router.shift(BLUE)
            yield stand


@pytest.fixture
def machines_network(tmp_path: Path) -> Iterator[Place]:
    need_engine()
    state = tmp_path / "state"
    with nginx_container(tmp_path, state / "test" / "nginx", "--network", "host") as options:
        yield Place(options, state, f"127.0.0.1:{free_port()}")


@pytest.fixture
def own_network(tmp_path: Path) -> Iterator[Place]:
    need_engine()
    state, port = tmp_path / "state", free_port()
    with nginx_container(tmp_path, state / "test" / "nginx", "-p", f"127.0.0.1:{port}:{port}") as options:
        yield Place(options, state, f"0.0.0.0:{port}", gateway())


class TestInTheMachinesNetwork(ProvenReloads):
    @pytest.fixture
    async def stand(self, machines_network: Place) -> AsyncIterator[NginxStand]:
        async with machines_network.serving() as stand:
            yield stand


class TestInItsOwnNetwork(UnderLoad, ProvenReloads):
    @pytest.fixture
    async def stand(self, own_network: Place) -> AsyncIterator[NginxStand]:
        async with own_network.serving() as stand:
            yield stand


async def test_which_nginx_is_ours_is_known_among_others_whose_workers_have_the_same_numbers(
    own_network: Place, tmp_path: Path
) -> None:
    with nginx_container(tmp_path / "another", tmp_path / "another-state") as another:
        async with own_network.serving() as stand:
            record = stand.router._home.load()
            assert record
            seen = await generation(stand.spec.listen, stand.spec.domain, record.token)
            assert seen
            ours, other = (_masters_pid(options) for options in (own_network.options, another))
            assert master_of(seen.pid, stand.home / "access.log") == ours != other
            assert master_of(seen.pid, tmp_path / "another.log") is None


async def test_an_nginx_that_was_started_again_serves_as_before(machines_network: Place) -> None:
    async with machines_network.serving() as stand:
        await stand.router.shift(GREEN)
        life = await stand.router.life()
        docker("restart", "-t", "1", _name(machines_network.options))
        while not (await stand.router.observe()).running:
            await asyncio.sleep(0.05)
        assert life
        assert await stand.router.life() not in (life, "", None)
        assert await stand.router.answering("/") == 13


def _name(options: NginxOptions) -> str:
    assert options.external
    return options.external.test[2]


def _masters_pid(options: NginxOptions) -> int:
    return int(docker("inspect", "-f", "{{.State.Pid}}", _name(options)))
