"""The runtime contract, against real processes, a real Docker Engine and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comporta.drivers.system_clock import SystemClock
from comporta.model.spec import PortRange
from comporta.model.traffic import Slot
from comporta.testing.fake_runtime import FakeRuntime
from comporta.testing.runtime_contract import RuntimeContract
from support.docker_world import DockerWorld
from support.services import ProcessWorld


@pytest.mark.slow
class TestProcessRuntime(RuntimeContract):
    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[ProcessWorld]:
        world = ProcessWorld(tmp_path)
        yield world
        await world.close()


@pytest.mark.slow
class TestDockerRuntime(RuntimeContract):
    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[DockerWorld]:
        world = DockerWorld(tmp_path)
        yield world
        await world.close()


class FakeWorld:
    def __init__(self) -> None:
        self.clock = SystemClock()
        self.versions = {"1.0.0": "sha256:one", "1.1.0": "sha256:two"}
        ports = {Slot.BLUE: PortRange(first=1, last=3), Slot.GREEN: PortRange(first=4, last=6)}
        self.runtime = FakeRuntime(self.clock, ports, self.versions)

    def change(self, version: str) -> None:
        self.versions[version] = "sha256:changed"

    def remove(self, version: str) -> None:
        del self.versions[version]

    async def crash(self, slot: Slot, index: int) -> None:
        self.runtime.crash(slot, index)


class TestFakeRuntime(RuntimeContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
