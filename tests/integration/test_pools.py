"""Only the first instances of a slot get requests: both routers, real instances, and users."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec
import pytest

from comporta.load.free_ports import free_ports
from comporta.model.errors import RouterError
from comporta.model.spec import PortRange
from comporta.model.traffic import Slot, Topology, Traffic
from comporta.testing.router_contract import BLUE, GREEN, split
from support.backends import Backend, backends
from support.haproxy_stand import haproxy_stand
from support.nginx_stand import nginx_stand
from support.router_stand import RouterStand
from support.under_load import load_on

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NAMES = ("one", "two", "three")


@dataclass
class Row:
    """A router whose blue slot has three instances; all of them serve."""

    stand: RouterStand
    instances: list[Backend]
    topology: Topology


@pytest.fixture(params=[nginx_stand, haproxy_stand], ids=["nginx", "haproxy"])
async def row(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Row]:
    first = free_ports(3)
    blue = PortRange(first=first, last=first + 2)
    async with (
        backends(*NAMES, first=first) as made,
        request.param(tmp_path / "state", stages=(33, 67), blue=blue) as stand,
    ):
        topology = msgspec.structs.replace(stand.topology, blue=tuple(f"127.0.0.1:{first + i}" for i in range(3)))
        await stand.router.configure(topology)
        await stand.router.shift(BLUE)
        yield Row(stand, [instance for instance, _ in made], topology)


def narrowed(traffic: Traffic, blue: int) -> Traffic:
    return msgspec.structs.replace(traffic, blue_instances=blue)


async def answering(row: Row) -> set[str]:
    return {(await row.stand.get()).text for _ in range(12)}


async def test_the_first_ones_answer_and_no_others(row: Row) -> None:
    for count in (3, 1, 2):
        await row.stand.router.shift(narrowed(BLUE, count))
        assert await answering(row) == set(NAMES[:count])
    await row.stand.router.shift(BLUE)
    assert await answering(row) == set(NAMES)


async def test_while_traffic_is_split_too(row: Row) -> None:
    await row.stand.router.shift(narrowed(split(Slot.GREEN, 33), 2))
    answers = [(await row.stand.get()).text for _ in range(120)]
    assert set(answers) == {"one", "two", "green"}
    assert 15 < answers.count("green") < 70
    chosen = {(await row.stand.get(**{"x-comporta-slot": "blue"})).text for _ in range(12)}
    assert chosen == {"one", "two"}


async def test_no_request_is_lost_as_the_pool_changes_and_who_was_taken_out_answers_nobody(row: Row) -> None:
    router = row.stand.router
    spans: list[tuple[float, float, set[str]]] = []
    async with load_on(row.stand) as load:
        for traffic, out in (
            (narrowed(BLUE, 2), {"three", "green"}),
            (narrowed(split(Slot.GREEN, 33), 2), {"three"}),
            (narrowed(split(Slot.GREEN, 67), 1), {"two", "three"}),
            (GREEN, {"one", "two", "three"}),
            (narrowed(split(Slot.GREEN, 67), 1), {"two", "three"}),
            (BLUE, {"green"}),
        ) * 2:
            await router.shift(traffic)
            since = time.monotonic()
            await asyncio.sleep(0.3)
            spans.append((since, time.monotonic(), out))
        report = await load.stop()
    assert report.failed == []
    assert set(report.releases()) == {*NAMES, "green"}
    for since, until, out in spans:
        answered = {sample.release for sample in report.samples if since <= sample.started and sample.finished <= until}
        assert answered
        assert not answered & out


async def test_one_instance_is_drained_and_stopped_while_the_others_serve(row: Row) -> None:
    router = row.stand.router
    async with load_on(row.stand) as load:
        for count in (2, 1):
            await asyncio.sleep(0.3)
            await router.shift(narrowed(BLUE, count))
            while await router.in_flight(Slot.BLUE, count):  # bounded by the test's own timeout
                await asyncio.sleep(0.05)
            await row.instances[count].stop()
        await asyncio.sleep(0.3)
        report = await load.stop()
    assert report.failed == []
    assert set(report.releases()) == set(NAMES)


async def test_what_is_in_flight_is_told_for_the_instances_that_leave(row: Row) -> None:
    router, last = row.stand.router, row.instances[2]
    slow: list[asyncio.Task[httpx2.Response]] = []
    # Three need not do: each worker of nginx takes turns by itself.
    while not all(instance.heads for instance in row.instances):
        slow += [asyncio.create_task(row.stand.get("/slow")) for _ in range(3)]
        while sum(len(instance.heads) for instance in row.instances) < len(slow):
            await asyncio.sleep(0.01)
    taken = [len(instance.heads) for instance in row.instances]
    await router.shift(narrowed(BLUE, 2))
    assert [await router.in_flight(Slot.BLUE, beyond) for beyond in range(4)] == [sum(taken[n:]) for n in range(4)]
    assert {(await task).text for task in slow} == set(NAMES)
    assert len(last.heads) == taken[2]


async def test_a_pool_outlives_the_command_and_a_new_file(row: Row) -> None:
    traffic = narrowed(split(Slot.GREEN, 33), 2)
    await row.stand.router.shift(traffic)
    await row.stand.router.configure(msgspec.structs.replace(row.topology, server_name="www.shop.example"))
    assert (await row.stand.another().observe()).traffic == traffic
    with pytest.raises(RouterError, match="cannot take away"):
        await row.stand.router.configure(msgspec.structs.replace(row.topology, blue=row.topology.blue[:1]))
    await row.stand.router.configure(row.topology)
    assert await answering(row) <= {"one", "two", "green"}
