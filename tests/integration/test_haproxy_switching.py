"""Switching and reconfiguring a real HAProxy while users send requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import psutil
import pytest

from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.routers.ports import open_connections
from comporta.load.free_ports import free_ports
from comporta.model.spec import PortRange
from comporta.model.traffic import Routing, Slot
from comporta.testing.router_contract import BLUE, GREEN
from support.backends import backends
from support.haproxy_stand import HaproxyStand, haproxy_stand
from support.under_load import UnderLoad, load_on

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[HaproxyStand]:
    async with haproxy_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


class TestHaproxyUnderLoad(UnderLoad):
    pass


def workers(stand: HaproxyStand) -> set[int]:
    return {worker.pid for worker in psutil.Process(int((stand.home / "haproxy.pid").read_text())).children()}


async def reload(stand: HaproxyStand, times: int = 1) -> None:
    """Nothing but an option changes, so that it must be a reload."""
    for number in range(times):
        stand.options = HaproxyOptions(tunnel_timeout=f"{2 + number}h")
        before = workers(stand)
        await stand.another().configure(stand.topology)
        assert workers(stand) - before


@pytest.fixture
async def row(tmp_path: Path) -> AsyncIterator[tuple[HaproxyStand, list[str]]]:
    """A router whose blue slot has room for three instances, and all three of them."""
    first = free_ports(3)
    async with (
        backends("one", "two", "three", first=first),
        haproxy_stand(tmp_path / "state", blue=PortRange(first=first, last=first + 2)) as stand,
    ):
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand, [f"127.0.0.1:{port}" for port in range(first, first + 3)]


async def test_other_instances_need_no_reload_and_the_old_ones_answer_nobody_afterwards(
    row: tuple[HaproxyStand, list[str]],
) -> None:
    stand, addresses = row
    before = workers(stand)
    for number, new, old in ((1, "two", "one"), (2, "three", "two"), (0, "one", "three")):
        async with load_on(stand) as load:
            await asyncio.sleep(0.3)
            await stand.router.configure(msgspec.structs.replace(stand.topology, blue=(addresses[number],)))
            proven = time.monotonic()
            await asyncio.sleep(0.5)
            report = await load.stop()
        assert report.failed == []
        assert report.cut_over(proven, old) == 0.0
        assert report.between(proven, report.end).releases()[new] > 50
    assert workers(stand) == before


async def test_more_and_fewer_instances_need_no_reload(row: tuple[HaproxyStand, list[str]]) -> None:
    stand, addresses = row
    before = workers(stand)
    for count in (3, 1, 2):
        topology = msgspec.structs.replace(stand.topology, blue=tuple(addresses[:count]))
        await stand.router.configure(topology)
        assert await stand.router.observe() == Routing(running=True, topology=topology, traffic=BLUE)
        assert len({(await stand.get()).text for _ in range(12)}) == count
    assert workers(stand) == before


async def test_a_reload_loses_no_request(stand: HaproxyStand) -> None:
    async with load_on(stand) as load:
        await asyncio.sleep(0.3)
        await reload(stand, times=3)
        await asyncio.sleep(0.3)
        report = await load.stop()
    assert report.failed == []
    assert set(report.releases()) == {"blue"}


async def test_a_switch_after_a_reload_also_reaches_who_still_has_a_connection_to_an_old_worker(
    stand: HaproxyStand,
) -> None:
    async with httpx2.AsyncClient(trust_env=False) as kept:
        assert (await kept.get(stand.url)).text == "blue"
        await reload(stand)
        await stand.router.shift(GREEN)
        answer = await kept.get(stand.url)
        assert (answer.text, answer.headers["x-comporta-release"]) == ("green", "13")
        assert answer.headers["connection"] == "close"  # so it was an old worker


async def test_what_an_old_worker_still_has_open_is_in_flight(stand: HaproxyStand) -> None:
    host, _, port = stand.router.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /echo HTTP/1.1\r\nHost: shop.example\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await reload(stand, times=2)
    await stand.router.shift(GREEN)
    assert await stand.router.in_flight(Slot.BLUE) == 1
    assert await stand.router.in_flight(Slot.GREEN) == 0
    writer.write(b"still there?")
    assert await reader.readexactly(12) == b"still there?"
    writer.close()
    while await stand.router.in_flight(Slot.BLUE):  # bounded by the test's own timeout
        await asyncio.sleep(0.01)


async def test_an_idle_connection_to_an_instance_is_not_in_flight(stand: HaproxyStand) -> None:
    await stand.request(times=3)
    port = stand.spec.blue.first
    assert open_connections({("127.0.0.1", port)})
    assert await stand.router.in_flight(Slot.BLUE) == 0
