"""The router contract, against a real nginx, a real HAProxy and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest

from comporta.model.figures import Counts, Figures, Reading
from comporta.model.histogram import Histogram
from comporta.model.traffic import Slot, Weights
from comporta.testing.fake_router import FakeRouter
from comporta.testing.router_contract import STAGES, RouterContract, Stand
from support import specs
from support.haproxy_stand import haproxy_stand
from support.nginx_stand import nginx_stand


@pytest.mark.slow
class TestNginxRouter(RouterContract):
    @pytest.fixture
    async def stand(self, tmp_path: Path) -> AsyncIterator[Stand]:
        async with nginx_stand(tmp_path / "state", stages=STAGES) as stand:
            yield stand


@pytest.mark.slow
class TestHaproxyRouter(RouterContract):
    @pytest.fixture
    async def stand(self, tmp_path: Path) -> AsyncIterator[Stand]:
        async with haproxy_stand(tmp_path / "state", stages=STAGES) as stand:
            yield stand


class TestFakeRouter(RouterContract):
    @pytest.fixture
    def stand(self) -> Stand:
        return FakeStand()


class FakeStand:
    def __init__(self) -> None:
        self.topology = msgspec.structs.replace(specs.topology(), stages=STAGES)
        self.other = msgspec.structs.replace(self.topology, server_name="www.shop.example")
        self.router = FakeRouter(self.topology.listen, alive=lambda slot: slot not in self._down, served=self._served)
        self.refused = Weights(blue=90, green=10)
        self._clients: set[str] = set()
        self._down: set[Slot] = set()
        self._answered: list[Figures] = []

    async def request(self, times: int) -> None:
        for _ in range(times):
            await self.ask()

    async def ask(self, cookie: str | None = None, wanted: str | None = None) -> tuple[int | None, str | None]:
        client = cookie if cookie in self._clients else str(len(self._clients))
        release = self.router.answers(client, wanted or "")
        weights = self.router.routing.traffic.weights
        split = weights is not None and weights.whole is None
        if release and not (split and wanted):
            counts = Counts(requests=1, latencies=Histogram.of([0.01]))
            self._answered.append(Figures(at=0, release=release, address="", counts=counts))
        if not split or client in self._clients or self.router.page is not None:
            return release, None
        self._clients.add(client)
        return release, client

    async def page(self, headers: Mapping[str, str]) -> str | None:
        sees_through = headers and headers in (self.router.own_headers, self.router.bypass_headers)
        if sees_through:
            assert self.router.reaches("") is not None
        return None if sees_through else self.router.page

    async def stop_instances(self, slot: Slot) -> None:
        self._down.add(slot)

    async def counted(self, since: str, requests: int) -> Reading:
        return await self.router.count(since)

    def _served(self) -> list[Figures]:
        return self._answered
