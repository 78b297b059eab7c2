"""The HAProxy that comporta runs itself: crashes, taken ports, changes by hand."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.routers.commands import executable
from comporta.drivers.routers.haproxy import driver
from comporta.drivers.routers.haproxy_file import backend
from comporta.drivers.routers.haproxy_log import trim
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.routers.haproxy_switch import encode
from comporta.model.errors import MissingTool, RouterError
from comporta.model.traffic import Slot, Traffic
from comporta.testing.router_contract import BLUE, CLOSED, GREEN, split
from support.backends import free_port
from support.haproxy_stand import HaproxyStand, haproxy_stand
from support.under_load import load_on

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[HaproxyStand]:
    """A router that serves from blue."""
    async with haproxy_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


def master(stand: HaproxyStand) -> psutil.Process:
    return psutil.Process(int((stand.home / "haproxy.pid").read_text()))


async def command(stand: HaproxyStand, text: str) -> str:
    """As an operator would type it at the newest worker."""
    reader, writer = await asyncio.open_unix_connection(stand.home / "master.sock")
    writer.write(f"@1 {text}\n".encode())
    writer.write_eof()
    answer = (await reader.read()).decode().strip()
    writer.close()
    return answer


# What it survives


async def test_haproxy_belongs_to_no_terminal_and_no_command(stand: HaproxyStand) -> None:
    found = master(stand)
    assert os.getsid(found.pid) != os.getsid(0)
    assert os.getpid() not in {parent.pid for parent in found.parents()}
    for process in [found, *found.children()]:
        assert "PYTHONPATH" not in process.environ()


async def test_a_worker_has_no_rights(stand: HaproxyStand) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give rights away")
    assert {worker.uids().effective for worker in master(stand).children()} == {65534}


@pytest.mark.parametrize("victim", ["master", "worker"])
async def test_a_killed_haproxy_is_seen_and_brought_back_with_the_same_traffic(
    stand: HaproxyStand, victim: str
) -> None:
    await stand.router.shift(split(Slot.GREEN, 25))
    found, life = master(stand), await stand.router.life()
    family = [found, *found.children()]
    (found if victim == "master" else family[1]).kill()
    psutil.wait_procs(family, timeout=10)
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.traffic) == (False, stand.topology, split(Slot.GREEN, 25))
    assert seen.tampered == ""
    with pytest.raises(RouterError, match="does not run"):
        await stand.router.shift(GREEN)
    await stand.router.configure(stand.topology)
    assert await stand.router.life() not in (life, "")
    assert (await stand.router.observe()).traffic == split(Slot.GREEN, 25)
    assert await stand.router.answering("/", slot=Slot.GREEN) == 13


async def test_a_pid_file_from_before_a_reboot_is_not_believed(stand: HaproxyStand) -> None:
    found = master(stand)
    found.send_signal(signal.SIGTERM)
    psutil.wait_procs([found], timeout=10)
    (stand.home / "haproxy.pid").write_text(str(os.getpid()))
    assert not (await stand.router.observe()).running
    await stand.router.configure(stand.topology)
    assert master(stand).pid != os.getpid()
    assert await stand.router.answering("/") == 12


async def test_a_configuration_that_was_interrupted_is_finished_by_the_next_one(stand: HaproxyStand) -> None:
    record = json.loads((stand.home / "router.json").read_text())
    interrupted = msgspec.structs.replace(stand.topology, server_name="interrupted.example")
    text = record["proven"]["text"].replace("shop.example", "interrupted.example")
    record["pending"] = {"topology": msgspec.to_builtins(interrupted), "text": text, "generation": "none"}
    (stand.home / "router.json").write_text(json.dumps(record))
    (stand.home / "haproxy.cfg").write_text(text)
    seen = await stand.router.observe()
    assert (seen.topology, seen.tampered) == (stand.topology, "")
    await stand.router.configure(stand.topology)
    assert "interrupted.example" not in (stand.home / "haproxy.cfg").read_text()
    assert await stand.router.answering("/") == 12


async def test_a_switch_that_was_interrupted_is_no_change_by_hand(stand: HaproxyStand) -> None:
    """Killed after it had written the file, and before it told HAProxy."""
    (stand.home / "traffic.map").write_text(f"# before: {encode(BLUE)}\nnow {encode(GREEN)}\n")
    seen = await stand.router.observe()
    assert (seen.traffic, seen.tampered) == (BLUE, "")
    assert await stand.router.answering("/") == 12
    await stand.router.shift(GREEN)
    seen = await stand.router.observe()
    assert (seen.traffic, seen.tampered) == (GREEN, "")


async def test_a_switch_outlives_a_reload_and_a_restart(stand: HaproxyStand) -> None:
    await stand.router.shift(split(Slot.GREEN, 25))
    before = master(stand).children()
    master(stand).send_signal(signal.SIGUSR2)
    psutil.wait_procs(before, timeout=10)
    seen = await stand.router.observe()
    assert (seen.running, seen.traffic, seen.tampered) == (True, split(Slot.GREEN, 25), "")


async def test_a_state_directory_deeper_than_a_socket_address_works(tmp_path: Path) -> None:
    async with haproxy_stand(tmp_path / ("deep" * 20) / ("d" * 60)) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(GREEN)
        assert await stand.router.answering("/") == 13


# What it refuses


async def test_a_port_in_use_is_refused_with_its_holder_before_anything_changes(stand: HaproxyStand) -> None:
    before = (stand.home / "haproxy.cfg").read_bytes()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = msgspec.structs.replace(stand.topology, listen=f"127.0.0.1:{holder.getsockname()[1]}")
        with pytest.raises(RouterError, match=rf"cannot listen on .*pid {os.getpid()}"):
            await stand.router.configure(taken)
    assert (stand.home / "haproxy.cfg").read_bytes() == before
    assert (await stand.router.observe()).topology == stand.topology
    assert await stand.router.answering("/") == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"server_name": "a\n    bind :1"},
        {"server_name": "a b"},
        {"server_name": '"'},
        {"listen": "127.0.0.1:80 transparent"},
        {"blue": ("127.0.0.1:80\n    server evil 10.0.0.1:80",)},
        {"green": ("127.0.0.1:80 backup",)},
    ],
)
async def test_nothing_can_be_smuggled_into_the_file(stand: HaproxyStand, changes: dict[str, object]) -> None:
    before = (stand.home / "haproxy.cfg").read_bytes()
    with pytest.raises(RouterError, match="is no valid"):
        await stand.router.configure(msgspec.structs.replace(stand.topology, **changes))
    assert (stand.home / "haproxy.cfg").read_bytes() == before


async def test_what_haproxy_itself_refuses_is_never_live(stand: HaproxyStand) -> None:
    before = (stand.home / "haproxy.cfg").read_bytes()
    with pytest.raises(RouterError, match="haproxy refuses") as caught:
        await stand.router.configure(msgspec.structs.replace(stand.topology, blue=("no-such-host.invalid:80",)))
    assert any("no-such-host.invalid" in line for line in caught.value.details)
    assert (stand.home / "haproxy.cfg").read_bytes() == before
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.tampered) == (True, stand.topology, "")


# What somebody changed by hand


async def test_a_file_changed_by_hand_is_named(stand: HaproxyStand) -> None:
    file = stand.home / "haproxy.cfg"
    whole = file.read_bytes()
    file.write_bytes(whole + b"# mine\n")
    assert str(file) in (await stand.router.observe()).tampered
    file.unlink()
    assert "is gone" in (await stand.router.observe()).tampered
    file.write_bytes(whole)
    assert (await stand.router.observe()).tampered == ""


@pytest.mark.parametrize("text", [None, "", "now 1|2|0|x\n", f"# before: \nnow {encode(GREEN)}\n"])
async def test_a_map_file_changed_by_hand_is_named_and_users_notice_nothing(
    stand: HaproxyStand, text: str | None
) -> None:
    file = stand.home / "traffic.map"
    file.unlink()
    if text is not None:
        file.write_text(text)
    seen = await stand.router.observe()
    assert str(file) in seen.tampered
    assert seen.traffic == BLUE
    assert await stand.router.answering("/") == 12
    await stand.router.configure(stand.topology)
    seen = await stand.router.observe()
    assert (seen.traffic, seen.tampered) == (BLUE, "")
    assert await stand.router.answering("/") == 12


async def test_a_map_changed_by_hand_in_haproxy_is_named_and_told_as_it_is(stand: HaproxyStand) -> None:
    file = stand.home / "traffic.map"
    for value, traffic, slot in (
        (encode(split(Slot.GREEN, 50)), split(Slot.GREEN, 50), "green"),
        ("12|13|100|nonsense", Traffic(), "green"),
    ):
        await command(stand, f"set map {file} now {value}")
        seen = await stand.router.observe()
        assert str(file) in seen.tampered
        assert seen.traffic == traffic
        assert (await stand.get(**{"x-comporta-slot": "green"})).text == slot


@pytest.mark.parametrize("value", ["closed", "", "101", "-1", "5x"])
async def test_a_share_that_is_none_serves_nobody(stand: HaproxyStand, value: str) -> None:
    await command(stand, f"set map {stand.home / 'traffic.map'} now 12|13|{value}|")
    assert (await stand.get()).status_code == 503


async def test_a_server_changed_by_hand_is_named_and_put_right_by_the_next_configuration(stand: HaproxyStand) -> None:
    server = f"comporta.shop.test.blue/127.0.0.1:{stand.spec.blue.first}"
    await command(stand, f"set server {server} state maint")
    assert "comporta.shop.test.blue" in (await stand.router.observe()).tampered
    await stand.router.configure(stand.topology)
    assert (await stand.router.observe()).tampered == ""
    assert await stand.router.answering("/") == 12


async def test_a_map_that_is_wrong_in_haproxy_is_put_right_by_the_next_configuration(stand: HaproxyStand) -> None:
    await command(stand, f"clear map {stand.home / 'traffic.map'}")
    assert (await stand.get()).status_code == 503
    with pytest.raises(RouterError, match="cannot shift: HAProxy refuses"):
        await stand.router.shift(GREEN)
    await stand.router.configure(stand.topology)
    seen = await stand.router.observe()
    assert (seen.traffic, seen.tampered) == (BLUE, "")


# What users get


async def test_a_closed_router_says_when_to_come_back(stand: HaproxyStand) -> None:
    await stand.router.shift(CLOSED)
    answer = await stand.get()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain")
    assert int(answer.headers["retry-after"]) > 0
    assert "X-Comporta-Slot" not in answer.headers


async def test_the_instance_hears_of_the_user_and_nothing_of_us(stand: HaproxyStand) -> None:
    await stand.router.answering("/", slot=Slot.BLUE)
    await stand.get(**{"x-forwarded-for": "10.0.0.9", "x-forwarded-proto": "https"})
    for head in stand.backends[Slot.BLUE].heads:
        assert "\r\nhost: shop.example\r\n" in head
        assert "\r\nx-real-ip: 127.0.0.1\r\n" in head
        assert "\r\nx-forwarded-proto: http" in head
        assert "x-comporta" not in head
    assert "\r\nx-forwarded-proto: http\r\n" in stand.backends[Slot.BLUE].heads[0]
    assert "\r\nx-forwarded-proto: https\r\n" in stand.backends[Slot.BLUE].heads[-1]
    assert "\r\nx-forwarded-for: 10.0.0.9\r\n" in stand.backends[Slot.BLUE].heads[-1]
    assert "\r\nx-forwarded-for: 127.0.0.1\r\n" in stand.backends[Slot.BLUE].heads[-1]


async def test_any_host_is_answered(stand: HaproxyStand) -> None:
    assert (await stand.get(host="elsewhere.example")).text == "blue"


async def test_users_are_told_who_answered_unless_it_is_turned_off(tmp_path: Path) -> None:
    for told in (True, False):
        async with haproxy_stand(tmp_path / str(told), HaproxyOptions(version_header=told)) as stand:
            await stand.router.configure(stand.topology)
            await stand.router.shift(BLUE)
            headers = (await stand.get()).headers
            expected = ("blue", "12") if told else (None, None)
            assert (headers.get("x-comporta-slot"), headers.get("x-comporta-release")) == expected
            assert await stand.router.answering("/") == 12


async def test_the_generation_is_told_to_nobody_but_us(stand: HaproxyStand) -> None:
    answer = await stand.get("/.comporta/generation", **{"x-comporta-probe": "guess"})
    assert answer.status_code == 404
    for file in ("router.json", "haproxy.cfg", "master.sock"):  # the token, the token, and the keys of the house
        assert (stand.home / file).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_for_https_only_where_users_come_by_https(stand: HaproxyStand, secure: bool) -> None:
    await stand.router.shift(split(Slot.GREEN, 50))
    cookie = (await stand.get(**{"x-forwarded-proto": "https" if secure else "http"})).headers["set-cookie"]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure" if secure else "; Path=/; HttpOnly; SameSite=Lax")


async def test_any_percentage_can_be_put_in_force(stand: HaproxyStand) -> None:
    for share in (1, 7, 99):
        await stand.router.shift(split(Slot.GREEN, share))
        assert (await stand.router.observe()).traffic == split(Slot.GREEN, share)


async def test_no_request_is_lost_where_most_seats_of_a_slot_are_free(stand: HaproxyStand) -> None:
    """A canary has one instance where stable has six. A request that tries one after the other finds it too late."""
    free = tuple(f"127.0.0.1:{free_port()}" for _ in range(5))
    wide = msgspec.structs.replace(stand.topology, green=(*free, *stand.topology.green))
    await stand.router.configure(wide)
    async with load_on(stand) as load:
        await stand.router.shift(split(Slot.GREEN, 25))
        await asyncio.sleep(1)
        report = await load.stop()
    assert report.failed == []
    assert report.releases()["green"] > 20


async def test_a_slot_whose_instance_has_just_come_can_be_switched_to(stand: HaproxyStand) -> None:
    await stand.stop_instances(Slot.GREEN)
    server = f"{backend(stand.spec, Slot.GREEN)}/127.0.0.1:{stand.spec.green.first}"
    await command(stand, f"set server {server} health down")
    await stand.backends[Slot.GREEN].start(stand.spec.green.first)
    async with load_on(stand) as load:
        await stand.router.shift(GREEN)
        report = await load.stop()
    assert report.failed == []


# What is counted


async def test_errors_of_the_app_and_errors_of_the_proxy_are_told_apart(stand: HaproxyStand) -> None:
    start = (await stand.router.count(None)).cursor
    for path in ("/", "/status/404", "/status/500", "/status/502", "/status/503"):
        await stand.get(path)
    assert (await stand.get("/reset", method="POST")).status_code == 502
    await stand.stop_instances(Slot.BLUE)
    assert (await stand.get()).status_code == 503
    reading = await stand.counted(start, 7)
    assert (reading.total.requests, reading.total.app_errors, reading.total.proxy_errors) == (7, 3, 2)
    asked = {figures.address for figures in reading.figures} - {""}  # none, once HAProxy knows that nobody is there
    assert asked == {f"127.0.0.1:{stand.spec.blue.first}"}


async def test_an_answer_that_takes_too_long_is_an_error_of_the_proxy(tmp_path: Path) -> None:
    async with haproxy_stand(tmp_path / "state", HaproxyOptions(server_timeout="100ms")) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        start = (await stand.router.count(None)).cursor
        assert (await stand.get("/slow")).status_code == 504
        assert (await stand.counted(start, 1)).of(12).proxy_errors == 1


async def test_a_latency_is_counted_in_seconds_and_without_the_pause_before_the_request(stand: HaproxyStand) -> None:
    start = (await stand.router.count(None)).cursor
    host, _, port = stand.router.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for path in ("/", "/slow"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\nblue")
        await asyncio.sleep(1.5)  # the connection stays open, and idle
    writer.close()
    latencies = (await stand.counted(start, 2)).of(12).latencies
    assert latencies.quantile(0.0) < 0.5
    assert latencies.quantile(1.0) * 1.02 >= 0.7
    assert latencies.quantile(1.0) < 1.5


async def test_giving_back_the_beginning_of_the_log_loses_no_line(stand: HaproxyStand) -> None:
    log = stand.home / "access.log"
    counted, cursor = 0, (await stand.router.count(None)).cursor
    async with load_on(stand) as load:
        for _ in range(20):
            await asyncio.sleep(0.1)
            trim(log, long=4000)
            reading = await stand.router.count(cursor)
            counted, cursor = counted + reading.total.requests, reading.cursor
        report = await load.stop()
    counted += (await stand.counted(cursor, len(report.samples) - counted)).total.requests
    assert counted == len(report.samples)
    trim(log, long=4000)
    assert log.stat().st_blocks * 512 < log.stat().st_size / 2


async def test_a_restart_overwrites_no_line_and_is_counted_on(stand: HaproxyStand) -> None:
    start = (await stand.router.count(None)).cursor
    await stand.request(times=3)
    found = master(stand)
    found.kill()
    psutil.wait_procs([found], timeout=10)
    await stand.router.configure(stand.topology)
    await stand.request(times=2)
    assert (await stand.counted(start, 5)).total.requests == 5


# The rest


async def test_two_routers_on_one_machine_do_not_disturb_each_other(stand: HaproxyStand, tmp_path: Path) -> None:
    async with haproxy_stand(tmp_path / "state", environment="other") as second:
        await second.router.configure(second.topology)
        await second.router.shift(GREEN)
        await second.router.configure(second.other)
        assert (await second.get()).text == "green"
        assert (await stand.router.observe()).topology == stand.topology
        assert await stand.router.answering("/") == 12
    assert await stand.router.answering("/") == 12
    assert (await stand.router.observe()).running


async def test_nothing_is_left_running_after_it_is_removed(stand: HaproxyStand) -> None:
    found = master(stand)
    family = [found, *found.children()]
    await stand.router.remove()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert {path.name for path in stand.home.iterdir()} == {"access.log", "error.log"}


def test_a_program_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingTool, match="no-such-proxy is not installed") as caught:
        executable("no-such-proxy")
    if shutil.which("apt-get"):
        assert caught.value.next == "sudo apt-get install no-such-proxy"


async def test_the_doctor_looks_at_haproxy_the_port_and_the_folder(stand: HaproxyStand) -> None:
    assert [(f.name, f.ok) for f in driver.diagnose(stand.spec, HaproxyOptions())] == [
        ("haproxy", True),
        ("router port", True),
        ("router state", True),
    ]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = msgspec.structs.replace(stand.spec, listen=f"127.0.0.1:{holder.getsockname()[1]}")
        port = driver.diagnose(taken, HaproxyOptions())[1]
    assert not port.ok
    assert str(os.getpid()) in port.text
    assert port.next
