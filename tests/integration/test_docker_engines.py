"""Engines that are reached over TCP with TLS or through OpenSSH, and engines that go away in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from comporta.drivers.runtimes.docker.tunnel import tunnel
from comporta.model.errors import ConfigError, RuntimeFailure
from comporta.model.release import SlotState
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import eventually, logged, started
from support import certificates as authority
from support.another import begun, end
from support.docker_world import BASE, DockerWorld, docker
from support.private_engine import PrivateEngine, private_engine
from support.ssh_server import ssh_server

TUNNEL = """
import sys
import anyio
from comporta.drivers.runtimes.docker.tunnel import tunnel

async def main():
    async with tunnel(sys.argv[1]):
        print("begins", flush=True)
        await anyio.sleep(100)

anyio.run(main)
"""
"""Another comporta, which is killed while it talks to an engine."""

GIVEN_UP = 30
"""Questions. Where asyncio had to end OpenSSH, it complained about one in ten or twenty."""

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def engine(certificates: Path) -> Iterator[PrivateEngine]:
    with private_engine(certificates=certificates) as engine:
        yield engine


def tunnels(engine: PrivateEngine) -> list[psutil.Process]:
    """Every ssh that leads to that engine."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "ssh" and str(engine.socket) in " ".join(process.info["cmdline"] or ())
    ]


def elsewhere(engine: PrivateEngine, base: Path, /, **options: Any) -> DockerWorld:
    """A service whose images are on that engine."""
    world = DockerWorld(base, service=f"far{engine.bridge}", **options)
    docker("-H", engine.url, "tag", BASE, world.options.reference("1.0.0"))
    return world


async def serves_and_leaves_nothing(world: DockerWorld, engine: PrivateEngine) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    assert (await world.ask(Slot.BLUE, 2))["COMPORTA_INSTANCE"] == "2"
    assert (await world.runtime.observe(Slot.BLUE)).running
    assert await logged(world.runtime, Slot.BLUE, index=1) != []
    await world.runtime.stop(Slot.BLUE)
    assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
    assert docker("-H", engine.url, "ps", "-aq") == ""


async def test_over_tcp_with_tls(engine: PrivateEngine, certificates: Path, tmp_path: Path) -> None:
    world = elsewhere(engine, tmp_path, engine=f"tcp://127.0.0.1:{engine.port}", tls=str(certificates))
    await serves_and_leaves_nothing(world, engine)


async def test_an_engine_of_another_authority_is_not_trusted(engine: PrivateEngine, tmp_path: Path) -> None:
    other = authority.make(tmp_path / "other")
    world = elsewhere(engine, tmp_path, engine=f"tcp://127.0.0.1:{engine.port}", tls=str(other))
    with pytest.raises(RuntimeFailure, match=r"cannot reach the Docker Engine at tcp:.*certificate verify failed"):
        await world.runtime.observe(Slot.BLUE)


async def test_an_engine_without_tls_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CERT_PATH", raising=False)
    world = DockerWorld(tmp_path, service="nobody", engine="tcp://127.0.0.1:2375")
    with pytest.raises(ConfigError, match="without TLS"):
        await world.runtime.observe(Slot.BLUE)


async def test_through_openssh(engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ssh_server(tmp_path) as (port, programs):
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        url = f"ssh://root@127.0.0.1:{port}{engine.socket}"
        world = elsewhere(engine, tmp_path, engine=url)
        await serves_and_leaves_nothing(world, engine)
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        await world.runtime.expire(Slot.BLUE, world.clock.now() + 1)

        async def is_empty() -> bool:
            return docker("-H", engine.url, "ps", "-aq") == ""

        await eventually(is_empty, world.clock)
        assert tunnels(engine) == []
        other = begun(TUNNEL, [url])
        assert tunnels(engine) != []
        end(other)

        async def tunnel_has_ended() -> bool:
            return tunnels(engine) == []

        await eventually(tunnel_has_ended, world.clock)


async def test_questions_that_are_given_up_put_no_word_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ssh_server(tmp_path) as (port, programs):
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        for _ in range(GIVEN_UP):
            with anyio.CancelScope() as question:
                async with tunnel(f"ssh://root@127.0.0.1:{port}"):
                    question.cancel()
                    await anyio.sleep_forever()
    assert caplog.messages == []


@pytest.mark.parametrize("live_restore", [False, True])
async def test_an_engine_that_goes_away_in_the_middle_comes_back_with_its_containers(
    tmp_path: Path, live_restore: bool
) -> None:
    with private_engine(live_restore=live_restore) as engine:
        world = elsewhere(engine, tmp_path, engine=engine.url)
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
        before = await world.runtime.observe(Slot.BLUE)
        engine.stop()
        world.renew()  # another comporta: this one would wait for an engine that was there a moment ago
        for act in (world.runtime.observe(Slot.BLUE), world.runtime.stop(Slot.BLUE)):
            with pytest.raises(RuntimeFailure, match="cannot reach the Docker Engine"):
                await act
        assert all(psutil.pid_exists(i.pid) is live_restore for i in before.instances if i.pid)
        engine.start()

        async def runs_again() -> bool:
            return (await world.runtime.observe(Slot.BLUE)).running

        await eventually(runs_again, world.clock)
        state = await world.runtime.observe(Slot.BLUE)
        assert (state == before) is live_restore
        assert state.occupant == occupant
        await world.ask(Slot.BLUE, 2)
        await world.runtime.stop(Slot.BLUE)
        assert docker("-H", engine.url, "ps", "-aq") == ""
