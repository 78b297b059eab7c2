"""Counting requests while the log of a real nginx is moved, deleted and damaged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comporta.drivers.routers.log_files import LONG
from comporta.load import LoadGenerator, Request
from comporta.model.figures import Reading
from comporta.testing.router_contract import BLUE
from support.nginx_stand import NginxStand, nginx_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FILLING = (b"x" * 100_000 + b"\n") * (LONG // 100_000 + 1)
"""Lines of nobody, which make a log long."""


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[NginxStand]:
    async with nginx_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


def log(stand: NginxStand) -> Path:
    return stand.home / "access.log"


def fill(stand: NginxStand) -> None:
    with log(stand).open("ab") as file:
        file.write(FILLING)


async def test_no_request_is_missed_or_counted_twice_while_the_log_is_moved_under_load(stand: NginxStand) -> None:
    start = cursor = (await stand.router.count(None)).cursor
    readings: list[Reading] = []
    async with LoadGenerator(stand.url, rate=500, mix=[Request("get", "GET", "/")], timeout=60) as load:
        for number in range(30):
            if number in (5, 12, 20):
                fill(stand)
            readings.append(await stand.another().count(cursor))  # each time as another command
            cursor = readings[-1].cursor
            await asyncio.sleep(0.05)
        report = await load.stop()
    assert report.failed == []
    sent = len(report.samples)
    whole = await stand.counted(start, sent)
    assert (whole.total.requests, whole.of(12).requests) == (sent, sent)
    rest = (await stand.router.count(cursor)).total.requests
    assert sum(reading.total.requests for reading in readings) + rest == sent
    assert {path.name for path in log(stand).parent.glob("access.log*")} == {
        "access.log",
        *(f"access.log.{number}" for number in (1, 2, 3)),
    }
    assert log(stand).stat().st_size < LONG


async def test_old_logs_do_not_pile_up(stand: NginxStand) -> None:
    for _ in range(5):
        fill(stand)
        await stand.router.configure(stand.topology)
    assert len(list(log(stand).parent.glob("access.log*"))) == 4


async def test_a_deleted_log_is_begun_anew(stand: NginxStand) -> None:
    cursor = (await stand.router.count(None)).cursor
    await stand.request(times=2)
    cursor = (await stand.counted(cursor, 2)).cursor
    log(stand).unlink()
    assert (await stand.router.count(cursor)).figures == ()
    await stand.request(times=3)
    assert (await stand.counted(cursor, 3)).of(12).requests == 3


async def test_a_move_that_was_interrupted_is_finished(stand: NginxStand) -> None:
    """Killed between moving the log and telling nginx: nginx still writes into the one that was moved."""
    cursor = (await stand.router.count(None)).cursor
    log(stand).rename(log(stand).with_name("access.log.1"))
    await stand.request(times=2)
    await asyncio.sleep(0.3)
    await stand.router.count(cursor)
    await stand.request(times=1)
    assert (await stand.counted(cursor, 3)).of(12).requests == 3


async def test_another_command_counts_on(stand: NginxStand) -> None:
    cursor = (await stand.router.count(None)).cursor
    await stand.request(times=2)
    first = await stand.counted(cursor, 2)
    await stand.request(times=1)
    await stand.counted(cursor, 3)
    assert (await stand.another().count(first.cursor)).total.requests == 1


async def test_nginx_goes_on_after_its_log_was_moved_while_a_long_request_is_open(stand: NginxStand) -> None:
    cursor = (await stand.router.count(None)).cursor
    slow = asyncio.create_task(stand.get("/slow"))
    await asyncio.sleep(0.2)
    fill(stand)
    await stand.router.count(cursor)
    assert (await slow).text == "blue"
    assert (await stand.counted(cursor, 1)).of(12).requests == 1


async def test_a_websocket_has_no_latency(stand: NginxStand) -> None:
    cursor = (await stand.router.count(None)).cursor
    host, _, port = stand.router.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /echo HTTP/1.1\r\nHost: shop.example\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    counts = (await stand.counted(cursor, 1)).of(12)
    assert (counts.requests, counts.errors, counts.latencies.total) == (1, 0, 0)
