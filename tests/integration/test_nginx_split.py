"""Splitting traffic with a real nginx: what the contract of all routers does not say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.load import LoadGenerator, Request
from comporta.model.errors import RouterError
from comporta.model.traffic import Slot
from comporta.testing.router_contract import BLUE, GREEN, STAGES, new_clients, split
from support.nginx_stand import NginxStand, nginx_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HALVES = split(Slot.GREEN, 50)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[NginxStand]:
    """A router that gives each slot half of its clients."""
    async with nginx_stand(tmp_path / "state", stages=STAGES) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(HALVES)
        yield stand


async def test_no_request_is_lost_while_the_stages_pass_and_each_answer_is_of_one_piece(stand: NginxStand) -> None:
    watch = ("x-comporta-slot", "x-comporta-release", "x-backend")
    mix = [Request("get", "GET", "/"), Request("post", "POST", "/", b"x" * 1000)]
    async with LoadGenerator(stand.url, rate=300, mix=mix, connections=20, timeout=60, watch=watch) as load:
        for traffic in (BLUE, *(split(Slot.GREEN, stage) for stage in STAGES), GREEN, HALVES, BLUE) * 2:
            await asyncio.sleep(0.05)
            await stand.router.shift(traffic)
        report = await load.stop()
    assert report.failed == []
    told = {tuple(sample.headers[name] for name in watch) for sample in report.samples}
    assert told == {("blue", "12", "blue"), ("green", "13", "green")}


async def test_without_stages_nothing_of_the_split_is_in_the_file(tmp_path: Path) -> None:
    async with nginx_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        text = (stand.home / "nginx.conf").read_text()
        assert not {"map", "split_clients", "$comporta_cookie", "Set-Cookie"} & set(text.split())
        with pytest.raises(RouterError, match="the stages are none"):
            await stand.router.shift(HALVES)


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, False),
        ({"x-forwarded-proto": "http"}, False),
        ({"x-forwarded-proto": "http, https"}, False),
        ({"x-forwarded-proto": "https"}, True),
        ({"x-forwarded-proto": "HTTPS,http"}, True),
    ],
)
async def test_the_cookie_is_for_the_whole_site_and_for_no_script(
    stand: NginxStand, headers: dict[str, str], secure: bool
) -> None:
    cookie = (await stand.get("/deep/path", **headers)).headers["set-cookie"]
    value, _, attributes = cookie.partition("; ")
    assert len(value) == len("comporta=") + 32
    assert attributes == "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


async def test_a_cookie_comes_with_an_error_too(stand: NginxStand) -> None:
    """Else its next request might meet the other release."""
    for slot in Slot:
        await stand.stop_instances(slot)
    answer = await stand.get()
    assert (answer.status_code, answer.headers["set-cookie"][:9]) == (502, "comporta=")


async def test_our_own_question_gets_no_cookie(stand: NginxStand) -> None:
    token = msgspec.json.decode((stand.home / "router.json").read_bytes())["token"]
    headers = (await stand.get(**{"x-comporta-probe": token})).headers
    assert headers["x-comporta-release"] in ("12", "13")
    assert "set-cookie" not in headers


async def test_the_instance_does_not_hear_of_the_header_that_chose_it(stand: NginxStand) -> None:
    await stand.get(**{"x-comporta-slot": "green"})
    await stand.router.answering("/", Slot.GREEN)
    assert len(stand.backends[Slot.GREEN].heads) == 2
    assert not [head for head in stand.backends[Slot.GREEN].heads if "x-comporta" in head.lower()]


async def test_who_answered_is_told_to_us_alone_if_users_shall_not_know(tmp_path: Path) -> None:
    options = NginxOptions(version_header=False)
    async with nginx_stand(tmp_path / "state", options, STAGES) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(HALVES)
        answer = await stand.get(**{"x-comporta-slot": "green"})
        assert answer.text == "green"
        assert not [name for name in answer.headers if name.startswith("x-comporta")]
        assert await stand.router.answering("/", Slot.BLUE) == 12


async def test_a_request_that_chose_its_slot_is_in_the_log_without_a_release(stand: NginxStand) -> None:
    await stand.get(**{"x-comporta-slot": "green"})
    while not (line := (stand.home / "access.log").read_text()):
        await asyncio.sleep(0.05)
    assert line.split("\t")[3:5] == ["green", ""]


async def test_a_stage_that_is_in_force_cannot_be_taken_away(stand: NginxStand) -> None:
    without = msgspec.structs.replace(stand.topology, stages=(5, 25))
    with pytest.raises(RouterError, match=r"cannot take a stage away.*50 % to blue.*the stages are 5, 25"):
        await stand.router.configure(without)
    seen = await stand.router.observe()
    assert (seen.topology, seen.traffic) == (stand.topology, HALVES)
    await stand.router.shift(split(Slot.BLUE, 25))
    await stand.router.configure(without)
    assert (await stand.router.observe()).traffic == split(Slot.BLUE, 25)


@pytest.mark.parametrize("stages", [(0, 50), (50, 100), (-5, 50)])
async def test_a_stage_is_a_part_of_the_whole(stand: NginxStand, stages: tuple[int, ...]) -> None:
    with pytest.raises(RouterError, match="1 to 99 percent"):
        await stand.router.configure(msgspec.structs.replace(stand.topology, stages=stages))


async def test_a_killed_nginx_comes_back_with_the_same_split(stand: NginxStand) -> None:
    met = await new_clients(stand, 20)
    master = psutil.Process(int((stand.home / "nginx.pid").read_text()))
    for process in [master, *master.children()]:
        process.kill()
    psutil.wait_procs([master], timeout=10)
    await stand.router.configure(stand.topology)
    assert (await stand.router.observe()).traffic == HALVES
    for release, cookie in met:
        assert await stand.ask(cookie) == (release, None)


@pytest.mark.parametrize("target", ["blue-12+green-13@25-000000000000", "blue-12+green-13@33-000000000000"])
async def test_a_split_changed_by_hand_is_named(stand: NginxStand, target: str) -> None:
    live = stand.home / "traffic" / "live"
    live.unlink()
    live.symlink_to(target)
    assert str(live) in (await stand.router.observe()).tampered
    await stand.router.shift(HALVES)
    assert (await stand.router.observe()).tampered == ""


async def test_requests_of_both_slots_are_in_flight_at_the_same_time(stand: NginxStand) -> None:
    slow = [asyncio.create_task(stand.get("/slow", **{"x-comporta-slot": slot})) for slot in Slot]
    while not all(stand.backends[slot].heads for slot in Slot):
        await asyncio.sleep(0.01)
    assert [await stand.router.in_flight(slot) for slot in Slot] == [1, 1]
    assert [(await task).text for task in slow] == ["blue", "green"]


async def test_a_websocket_goes_where_its_client_belongs_and_stays(stand: NginxStand) -> None:
    for release, cookie in await new_clients(stand, 5):
        await stand.router.shift(HALVES)
        host, _, port = stand.router.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET /echo HTTP/1.1\r\nHost: shop.example\r\nCookie: comporta={cookie}\r\nUpgrade: echo\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer
        assert f"X-Comporta-Release: {release}\r\n".encode() in answer
        await stand.router.shift(GREEN if release == 12 else BLUE)
        writer.write(b"still there?")
        assert await reader.readexactly(12) == b"still there?"
        writer.close()
