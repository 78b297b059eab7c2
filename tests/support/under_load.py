"""What every router must do while users send requests. Subclass it; the fixture `stand` must serve from blue."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from comporta.load import LoadGenerator, Request, Sample
from comporta.model.traffic import Slot
from comporta.testing.router_contract import BLUE, GREEN, PAGE, STAGES, split
from support.backends import backends
from support.router_stand import RouterStand

GET = Request("get", "GET", "/")
POST = Request("post", "POST", "/", b"x" * 1000)
WHO = ("x-comporta-slot", "x-comporta-release", "x-backend")


def load_on(stand: RouterStand, *watch: str) -> LoadGenerator:
    """GET and POST, most of them on connections that are kept."""
    watch = watch or ("x-backend",)
    return LoadGenerator(stand.url, rate=300, mix=[GET, POST], connections=20, fresh=0.1, timeout=60, watch=watch)


class UnderLoad:
    pytestmark = pytest.mark.anyio

    async def test_no_request_is_lost_or_answered_by_the_wrong_slot_in_twenty_switches(
        self, stand: RouterStand
    ) -> None:
        history: list[tuple[str, float, float]] = [(Slot.BLUE, 0.0, 0.0)]
        async with load_on(stand) as load:
            for number in range(20):
                await asyncio.sleep(0.1)
                traffic = BLUE if number % 2 else GREEN
                before = time.monotonic()
                await stand.router.shift(traffic)
                assert traffic.live
                history.append((traffic.live, before, time.monotonic()))
            report = await load.stop()
        assert report.failed == []
        assert report.releases()["blue"] > 100
        assert report.releases()["green"] > 100
        assert [sample for sample in report.samples if sample.release not in allowed(sample, history)] == []

    async def test_slot_and_release_in_an_answer_are_never_out_of_step(self, stand: RouterStand) -> None:
        async with LoadGenerator(stand.url, rate=200, mix=[GET], timeout=60, watch=WHO) as load:
            for number in range(40):
                await asyncio.sleep(0.01)
                await stand.router.shift(BLUE if number % 2 else GREEN)
            report = await load.stop()
        assert report.failed == []
        told = {tuple(sample.headers[name] for name in WHO) for sample in report.samples}
        assert told == {("blue", "12", "blue"), ("green", "13", "green")}

    async def test_no_request_is_lost_while_the_stages_pass_and_each_answer_is_of_one_piece(
        self, stand: RouterStand
    ) -> None:
        async with load_on(stand, *WHO) as load:
            for traffic in (BLUE, *(split(Slot.GREEN, stage) for stage in STAGES), GREEN) * 2:
                await asyncio.sleep(0.05)
                await stand.router.shift(traffic)
            report = await load.stop()
        assert report.failed == []
        told = {tuple(sample.headers[name] for name in WHO) for sample in report.samples}
        assert told == {("blue", "12", "blue"), ("green", "13", "green")}

    async def test_the_maintenance_page_comes_and_goes_at_once_and_nobody_gets_anything_else(
        self, stand: RouterStand
    ) -> None:
        history: list[tuple[str, float, float]] = [("blue", 0.0, 0.0)]
        async with load_on(stand, "x-backend", "cache-control") as load:
            for number in range(20):
                await asyncio.sleep(0.1)
                before = time.monotonic()
                await stand.router.maintain(None if number % 2 else PAGE)
                history.append(("blue" if number % 2 else "no-store", before, time.monotonic()))
            report = await load.stop()
        assert {sample.status for sample in report.samples} == {200, 503}
        assert {sample.release for sample in report.failed} == {"no-store"}
        assert {sample.error for sample in report.failed} == {"status"}
        assert min(report.releases().values()) > 100
        assert [sample for sample in report.samples if sample.release not in allowed(sample, history)] == []

    async def test_a_slow_request_is_in_flight_until_it_is_answered(self, stand: RouterStand) -> None:
        slow = asyncio.create_task(stand.get("/slow"))
        while not stand.backends[Slot.BLUE].heads:
            await asyncio.sleep(0.01)
        await stand.router.shift(GREEN)
        assert await stand.router.in_flight(Slot.BLUE) == 1
        assert await stand.router.in_flight(Slot.GREEN) == 0
        assert (await slow).text == "blue"
        while await stand.router.in_flight(Slot.BLUE):  # bounded by the test's own timeout
            await asyncio.sleep(0.05)

    async def test_a_slot_that_is_drained_can_be_stopped_without_losing_a_request(self, stand: RouterStand) -> None:
        async with load_on(stand) as load:
            await asyncio.sleep(0.3)
            await stand.router.shift(GREEN)
            while await stand.router.in_flight(Slot.BLUE):
                await asyncio.sleep(0.05)
            await stand.stop_instances(Slot.BLUE)
            await asyncio.sleep(0.3)
            report = await load.stop()
        assert report.failed == []
        assert set(report.releases()) == {"blue", "green"}

    async def test_a_websocket_passes_through_and_stays_with_its_slot(self, stand: RouterStand) -> None:
        host, _, port = stand.router.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /echo HTTP/1.1\r\nHost: shop.example\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await stand.router.shift(GREEN)
        writer.write(b"still there?")
        assert await reader.readexactly(12) == b"still there?"
        assert await stand.router.in_flight(Slot.BLUE) == 1
        writer.close()


class ProvenReloads:
    """For a router that a new topology makes reload its proxy."""

    pytestmark = pytest.mark.anyio

    async def test_nothing_of_the_old_topology_answers_once_the_new_one_is_proven(self, stand: RouterStand) -> None:
        host = stand.spec.instance_host
        async with backends("newer", host=host) as [(_, port)]:
            newer = msgspec.structs.replace(stand.topology, blue=(f"{host}:{port}",))
            for topology, old, new in ((newer, "blue", "newer"), (stand.topology, "newer", "blue")):
                async with load_on(stand) as load:
                    await asyncio.sleep(0.3)
                    await stand.router.configure(topology)
                    proven = time.monotonic()
                    await asyncio.sleep(0.5)
                    report = await load.stop()
                # A connection that an old worker accepted just before may bring its first request just after.
                assert old not in report.between(proven, report.end).releases()
                assert report.between(proven, report.end).releases()[new] > 50
                # A reload of this nginx may close idle connections under a request; it never answers wrongly.
                assert set(report.failures) <= {"reset", "eof"}, report.failures


def allowed(sample: Sample, history: list[tuple[str, float, float]]) -> set[str]:
    """Who may have been live at some moment between sending the request and having its answer."""
    ends = [after for _, _, after in history[1:]] + [float("inf")]
    return {
        str(slot)
        for (slot, begin, _), end in zip(history, ends, strict=True)
        if begin <= sample.finished and sample.started <= end
    }
