"""The probes against real servers and programs: a wrong answer is found, named, and never an exception."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from comporta.drivers.probes.command import CommandProbe
from comporta.drivers.probes.http import HttpProbe
from comporta.drivers.probes.tcp import TcpProbe
from comporta.model.checks import CheckResult, CommandCheck, HttpCheck, Target, TcpCheck
from comporta.model.traffic import Slot
from support.http_server import Scripted, scripted_server

pytestmark = pytest.mark.anyio


class KnownSecrets:
    """Implements the Secrets port for one secret."""

    env_file: Mapping[str, str] = {"TOKEN": "s3cret"}

    def fill(self, text: str) -> str:
        return text.replace("${TOKEN}", "s3cret")

    def redact(self, text: str) -> str:
        return text.replace("s3cret", "***")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted_server(Scripted()) as script:
        yield script


def target(address: str) -> Target:
    return Target(name="blue-1", address=address, host="shop.example", slot=Slot.BLUE, index=1)


async def ask(server: Scripted, **check: Any) -> CheckResult:
    return await HttpProbe(KnownSecrets()).ask(HttpCheck(name="api", **check), target(server.address))


async def test_an_answer_that_matches_passes(server: Scripted) -> None:
    server.headers["X-Kind"] = "real"
    result = await ask(server, path="/health", expect={"status": "ok"}, expect_headers={"x-kind": "real"}, within=5.0)
    assert result.passed, result
    assert result.asked == f"GET http://{server.address}/health"
    assert result.answer == '200 {"status": "ok"}'


async def test_the_instance_is_asked_as_users_ask_the_domain(server: Scripted) -> None:
    await ask(server, path="/health", method="POST", body="x=${TOKEN}", headers={"Authorization": "Bearer ${TOKEN}"})
    (method, path, headers, body) = server.seen[0]
    assert (method, path, body) == ("POST", "/health", b"x=s3cret")
    assert headers["Host"] == "shop.example"
    assert headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("script", "check", "told"),
    [
        ({"status": 503}, {}, "status 503, wanted 2xx"),
        ({"status": 302, "headers": {"Location": "/login"}}, {}, "status 302, wanted 2xx"),
        ({"status": 200}, {"status": (204, 304)}, "status 200, wanted 204 or 304"),
        ({"body": b'{"status": "error"}'}, {"expect": {"status": "ok"}}, "status is 'error', wanted 'ok'"),
        ({"body": b"[]"}, {"expect": {"status": "ok"}}, "the answer has no status"),
        ({"body": b"<html>"}, {"expect": {"status": "ok"}}, "the answer is not JSON"),
        ({"body": b'{"n": 1}'}, {"expect": {"n": True}}, "n is 1, wanted True"),
        ({"body": b'{"a": [{"b": 2}]}'}, {"expect": {"a[0].b": 3}}, "a[0].b is 2, wanted 3"),
        ({"headers": {"X-A": "1"}}, {"expect_headers": {"X-A": "2"}}, "header X-A is '1', wanted '2'"),
        ({"delay": 0.2}, {"within": 0.1}, "allowed 0.1 s"),
        ({"delay": 5.0}, {"timeout": 0.2}, "nothing came within 0.2 s"),
        ({"trickle": 0.1}, {"timeout": 0.3}, "nothing came within 0.3 s"),
    ],
)
async def test_a_wrong_answer_is_told(
    server: Scripted, script: dict[str, Any], check: dict[str, Any], told: str
) -> None:
    for name, value in script.items():
        setattr(server, name, value)
    result = await ask(server, **check)
    assert not result.passed
    assert told in result.answer


async def test_what_came_back_is_shown_without_secrets_and_not_at_length(server: Scripted) -> None:
    server.status, server.body = 500, b"token s3cret is wrong\n" + b"x" * 5000
    answer = (await ask(server)).answer
    assert "token *** is wrong" in answer
    assert "s3cret" not in answer
    assert len(answer) < 500


async def test_nobody_there_is_told(server: Scripted) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        http = await HttpProbe(KnownSecrets()).ask(HttpCheck(name="api"), target(address))
        tcp = await TcpProbe().ask(TcpCheck(name="port"), target(address))
    assert (http.passed, tcp.passed) == (False, False)
    assert "refused" in http.answer
    assert "refused" in tcp.answer


async def test_an_open_port_passes(server: Scripted) -> None:
    assert (await TcpProbe().ask(TcpCheck(name="port"), target(server.address))).passed


async def run(folder: Path, *words: str, timeout: float = 20.0) -> CheckResult:
    check = CommandCheck(name="smoke", run=words, timeout=timeout)
    return await CommandProbe(folder, KnownSecrets()).ask(check, target("127.0.0.1:8101"))


async def test_a_program_gets_its_words_its_folder_and_the_env_file(tmp_path: Path) -> None:
    code = "import os,sys; print(os.getcwd(), os.environ['TOKEN'] == sys.argv[2], sys.argv[1:])"
    result = await run(tmp_path, "{python}", "-c", code, "{url}/{slot}/{index}", "${TOKEN}", "a b; echo $HOME {x}")
    assert result.passed
    assert f"{tmp_path} True" in result.answer
    assert "['http://127.0.0.1:8101/blue/1', '***', 'a b; echo $HOME {x}']" in result.answer
    assert "s3cret" not in result.asked


async def test_a_failing_program_says_its_last_words(tmp_path: Path) -> None:
    result = await run(tmp_path, "sh", "-c", "seq 1000; echo it is broken >&2; exit 3")
    assert not result.passed
    assert result.answer.startswith("exit code 3: ")
    assert result.answer.endswith("999 | 1000 | it is broken")


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = await run(tmp_path, "no-such-program")
    assert not result.passed
    assert "no-such-program: No such file" in result.answer


async def test_a_program_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    mark = f"comporta-hang-{os.getpid()}"
    result = await run(
        tmp_path, "sh", "-c", f"{sys.executable} -c 'import time; time.sleep(60)' {mark} & wait", timeout=1
    )
    assert result.answer == "did not end within 1 s"
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert left == []
