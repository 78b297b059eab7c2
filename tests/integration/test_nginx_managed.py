"""The nginx that comporta runs itself: crashes, taken ports, changes by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.routers.nginx import driver
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.model.errors import RouterError
from comporta.model.traffic import Slot
from comporta.testing.router_contract import BLUE, GREEN
from support.nginx_stand import NginxStand, nginx_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[NginxStand]:
    """A router that serves from blue."""
    async with nginx_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


def master(stand: NginxStand) -> psutil.Process:
    return psutil.Process(int((stand.home / "nginx.pid").read_text()))


# What it survives


async def test_nginx_belongs_to_no_terminal_and_no_command(stand: NginxStand) -> None:
    found = master(stand)
    assert os.getsid(found.pid) != os.getsid(0)
    assert os.getpid() not in {parent.pid for parent in found.parents()}
    assert "PYTHONPATH" not in found.environ()


@pytest.mark.parametrize("whole", [True, False], ids=["with its workers", "and its workers serve on"])
async def test_a_killed_nginx_is_seen_and_brought_back_with_the_same_traffic(stand: NginxStand, whole: bool) -> None:
    found, life = master(stand), await stand.router.life()
    workers = found.children()
    for process in [found, *workers] if whole else [found]:
        process.kill()
    psutil.wait_procs([found], timeout=10)
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.traffic) == (False, stand.topology, BLUE)
    assert await stand.router.life() == ""
    with pytest.raises(RouterError, match="does not run"):
        await stand.router.shift(GREEN)
    await stand.router.configure(stand.topology)
    assert (await stand.router.observe()).running
    assert await stand.router.life() not in (life, "")
    assert await stand.router.answering("/") == 12
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


async def test_a_pid_file_from_before_a_reboot_is_not_believed(stand: NginxStand) -> None:
    found = master(stand)
    found.send_signal(signal.SIGTERM)
    psutil.wait_procs([found], timeout=10)
    (stand.home / "nginx.pid").write_text(str(os.getpid()))
    assert not (await stand.router.observe()).running
    await stand.router.configure(stand.topology)
    assert master(stand).pid != os.getpid()
    assert await stand.router.answering("/") == 12


async def test_a_configuration_that_was_interrupted_is_finished_by_the_next_one(stand: NginxStand) -> None:
    record = json.loads((stand.home / "router.json").read_text())
    interrupted = msgspec.structs.replace(stand.topology, server_name="interrupted.example")
    text = record["proven"]["text"].replace("shop.example", "interrupted.example")
    record["pending"] = {"topology": msgspec.to_builtins(interrupted), "text": text, "generation": "none"}
    (stand.home / "router.json").write_text(json.dumps(record))
    (stand.home / "nginx.conf").write_text(text)
    seen = await stand.router.observe()
    assert (seen.topology, seen.tampered) == (stand.topology, "")
    await stand.router.configure(stand.topology)
    assert "interrupted.example" not in (stand.home / "nginx.conf").read_text()
    assert await stand.router.answering("/") == 12


# What it refuses


async def test_a_port_in_use_is_refused_with_its_holder_before_anything_changes(stand: NginxStand) -> None:
    before = (stand.home / "nginx.conf").read_bytes()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = msgspec.structs.replace(stand.topology, listen=f"127.0.0.1:{holder.getsockname()[1]}")
        with pytest.raises(RouterError, match=rf"cannot listen on .*pid {os.getpid()}"):
            await stand.router.configure(taken)
    assert (stand.home / "nginx.conf").read_bytes() == before
    assert (await stand.router.observe()).topology == stand.topology
    assert await stand.router.answering("/") == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"server_name": "a; } evil"},
        {"server_name": "a\nevil"},
        {"server_name": "$evil"},
        {"listen": "127.0.0.1:80; evil on"},
        {"blue": ("127.0.0.1:80; } evil {",)},
        {"green": ("127.0.0.1:80 backup",)},
    ],
)
async def test_nothing_can_be_smuggled_into_the_file(stand: NginxStand, changes: dict[str, object]) -> None:
    before = (stand.home / "nginx.conf").read_bytes()
    with pytest.raises(RouterError, match="is no valid"):
        await stand.router.configure(msgspec.structs.replace(stand.topology, **changes))
    assert (stand.home / "nginx.conf").read_bytes() == before


async def test_what_nginx_itself_refuses_is_never_live(stand: NginxStand) -> None:
    before = (stand.home / "nginx.conf").read_bytes()
    with pytest.raises(RouterError, match="nginx refuses") as caught:
        await stand.router.configure(msgspec.structs.replace(stand.topology, blue=("no-such-host.invalid:80",)))
    assert any("no-such-host.invalid" in line for line in caught.value.details)
    assert (stand.home / "nginx.conf").read_bytes() == before
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.tampered) == (True, stand.topology, "")


async def test_a_file_changed_by_hand_is_named(stand: NginxStand) -> None:
    file = stand.home / "nginx.conf"
    whole = file.read_bytes()
    file.write_bytes(whole + b"# mine\n")
    assert str(file) in (await stand.router.observe()).tampered
    file.unlink()
    assert "is gone" in (await stand.router.observe()).tampered
    file.write_bytes(whole)
    assert (await stand.router.observe()).tampered == ""


@pytest.mark.parametrize("target", [None, "elsewhere", "green-13-000000000000"])
async def test_a_switch_changed_by_hand_is_named(stand: NginxStand, target: str | None) -> None:
    live = stand.home / "traffic" / "live"
    live.unlink()
    if target:
        live.symlink_to(target)
    assert str(live) in (await stand.router.observe()).tampered
    assert (await stand.get()).status_code == 503


# What users get


async def test_a_closed_router_says_when_to_come_back(tmp_path: Path) -> None:
    async with nginx_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        answer = await stand.get()
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain")
        assert int(answer.headers["retry-after"]) > 0
        assert "X-Comporta-Slot" not in answer.headers


async def test_the_instance_hears_of_the_user_and_nothing_of_us(stand: NginxStand) -> None:
    await stand.router.answering("/")
    await stand.get(**{"x-forwarded-for": "10.0.0.9"})
    for head in stand.backends[Slot.BLUE].heads:
        assert "\r\nHost: shop.example\r\n" in head
        assert "\r\nX-Real-IP: 127.0.0.1\r\n" in head
        assert "x-comporta" not in head.lower()
    assert "\r\nX-Forwarded-For: 10.0.0.9, 127.0.0.1\r\n" in stand.backends[Slot.BLUE].heads[-1]


async def test_any_host_is_answered(stand: NginxStand) -> None:
    assert (await stand.get(host="elsewhere.example")).text == "blue"


async def test_users_are_told_who_answered_unless_it_is_turned_off(tmp_path: Path) -> None:
    for told in (True, False):
        async with nginx_stand(tmp_path / str(told), NginxOptions(version_header=told)) as stand:
            await stand.router.configure(stand.topology)
            await stand.router.shift(BLUE)
            headers = (await stand.get()).headers
            expected = ("blue", "12") if told else (None, None)
            assert (headers.get("x-comporta-slot"), headers.get("x-comporta-release")) == expected
            assert await stand.router.answering("/") == 12


async def test_the_generation_is_told_to_nobody_but_us(stand: NginxStand) -> None:
    answer = await stand.get("/.comporta/generation", **{"x-comporta-probe": "guess"})
    assert answer.status_code == 404
    for file in ("router.json", "nginx.conf"):  # both hold the token
        assert (stand.home / file).stat().st_mode & 0o077 == 0


async def test_a_request_too_large_is_refused(tmp_path: Path) -> None:
    async with nginx_stand(tmp_path / "state", NginxOptions(client_max_body_size="1k")) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        assert (await stand.get(method="POST", content=b"x" * 2000)).status_code == 413


# The rest


async def test_errors_of_the_app_and_errors_of_the_proxy_are_told_apart(stand: NginxStand) -> None:
    start = (await stand.router.count(None)).cursor
    for path in ("/", "/status/404", "/status/500", "/status/502", "/status/503"):
        await stand.get(path)
    assert (await stand.get("/reset", method="POST")).status_code == 502
    await stand.stop_instances(Slot.BLUE)
    assert (await stand.get()).status_code == 502
    reading = await stand.counted(start, 7)
    assert (reading.total.requests, reading.total.app_errors, reading.total.proxy_errors) == (7, 3, 2)


async def test_two_routers_on_one_machine_do_not_disturb_each_other(stand: NginxStand, tmp_path: Path) -> None:
    async with nginx_stand(tmp_path / "state", environment="other") as second:
        await second.router.configure(second.topology)
        await second.router.shift(GREEN)
        await second.router.configure(second.other)
        assert (await second.get()).text == "green"
        assert (await stand.router.observe()).topology == stand.topology
        assert await stand.router.answering("/") == 12
    assert await stand.router.answering("/") == 12
    assert (await stand.router.observe()).running


async def test_the_cost_of_a_reload_is_told(stand: NginxStand) -> None:
    note = stand.router.reload_note(stand.other, await stand.router.observe())
    found = re.search(r"nginx (\d+)\.(\d+)\.(\d+) is reloaded", note)
    lossless = driver_version() >= (1, 27, 4)
    assert bool(found) is not lossless


def driver_version() -> tuple[int, ...]:
    from comporta.drivers.routers.commands import executable
    from comporta.drivers.routers.external import parse_version

    return parse_version([executable("nginx"), "-v"])


async def test_the_doctor_looks_at_nginx_the_port_and_the_folder(stand: NginxStand) -> None:
    assert [(f.name, f.ok) for f in driver.diagnose(stand.spec, NginxOptions())] == [
        ("nginx", True),
        ("router port", True),
        ("router state", True),
    ]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = msgspec.structs.replace(stand.spec, listen=f"127.0.0.1:{holder.getsockname()[1]}")
        port = driver.diagnose(taken, NginxOptions())[1]
    assert not port.ok
    assert str(os.getpid()) in port.text
    assert port.next


async def test_the_doctor_names_an_nginx_that_does_not_run(
    stand: NginxStand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "nginx"
    broken.write_text("#!/bin/sh\necho 'cannot open shared object file' >&2; exit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = driver.diagnose(stand.spec, NginxOptions())[0]
    assert (found.ok, found.text, found.next) == (
        False,
        f"{broken} does not tell its version",
        f"see why: `{broken} -v`",
    )
