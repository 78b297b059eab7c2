"""The contract of load, against the real generator and the fake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comporta.drivers.load_generator import GeneratedLoad
from comporta.drivers.system_clock import SystemClock
from comporta.load.free_ports import free_ports
from comporta.model.checks import Target
from comporta.ports.load import Load
from comporta.testing.fake_load import FakeLoad
from comporta.testing.load_contract import TAKES, LoadContract
from support.http_server import Scripted, scripted_server


def target(address: str) -> Target:
    return Target(name="blue-1", address=address, host="shop.example", headers={"X-Own": "yes"})


class TestGeneratedLoad(LoadContract):
    @pytest.fixture
    def load(self) -> Load:
        return GeneratedLoad()

    @pytest.fixture
    def server(self) -> Iterator[Scripted]:
        with scripted_server(Scripted(delay=TAKES)) as server:
            yield server

    @pytest.fixture
    def well(self, server: Scripted) -> Target:
        return target(server.address)

    @pytest.fixture
    def gone(self) -> Target:
        return target(f"127.0.0.1:{free_ports(1)}")

    async def test_it_asks_as_users_do_and_an_error_is_no_answer(
        self, load: Load, server: Scripted, well: Target
    ) -> None:
        server.status = 503
        block = await load.steady(well, "/buy?n=1", rate=10.0, seconds=0.2, timeout=30.0)
        assert (block.sent, block.failed) == (2, 2)
        method, path, headers, _ = server.seen[0]
        assert (method, path, headers["Host"], headers["X-Own"]) == ("GET", "/buy?n=1", "shop.example", "yes")


class TestFakeLoad(LoadContract):
    @pytest.fixture
    def load(self) -> Load:
        return FakeLoad(SystemClock(), lambda asked, rate: TAKES if asked.address == "well" else None)

    @pytest.fixture
    def well(self) -> Target:
        return target("well")

    @pytest.fixture
    def gone(self) -> Target:
        return target("gone")
