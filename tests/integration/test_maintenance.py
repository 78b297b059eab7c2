"""The maintenance page before a real nginx and a real HAProxy: what the config says of it, and what it outlives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.routers.haproxy_maintenance import LONGEST
from comporta.model.errors import RouterError
from comporta.model.spec import MaintenanceSpec
from comporta.testing.router_contract import BLUE, GREEN, PAGE, STAGES, in_one_line
from support.haproxy_stand import HaproxyStand, haproxy_stand
from support.nginx_stand import NginxStand, nginx_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AnyStand = NginxStand | HaproxyStand
Make = Callable[..., AbstractAsyncContextManager[AnyStand]]
ASKED = MaintenanceSpec(retry_after=89.5, exempt=("/hooks/", "/v1.0"), always_ok=("/up", "/lb/"))


@pytest.fixture(params=[nginx_stand, haproxy_stand], ids=["nginx", "haproxy"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyStand]:
    """A router that serves from blue, with the page up."""
    make: Make = request.param
    async with make(tmp_path / "state", stages=STAGES, maintenance=ASKED) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        await stand.router.maintain(PAGE)
        yield stand


@pytest.fixture
async def haproxy(tmp_path: Path) -> AsyncIterator[HaproxyStand]:
    async with haproxy_stand(tmp_path / "state") as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


async def test_the_page_says_when_to_come_back_and_is_kept_by_nobody(stand: AnyStand) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        answer = await stand.get("/any/where?x=1", method=method, content=b"x" * 5000 if method == "POST" else b"")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "90"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "x-comporta-release" not in answer.headers
        assert in_one_line(answer.text) == ("" if method == "HEAD" else in_one_line(PAGE))


async def test_who_takes_time_to_send_a_form_gets_the_page_and_keeps_the_connection(stand: AnyStand) -> None:
    host, _, port = stand.router.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5000\r\n\r\n")
        for _ in range(5):
            await asyncio.sleep(0.1)
            writer.write(b"x" * 1000)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 503 " in head.splitlines()[0]
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    writer.close()


async def test_a_conditional_request_gets_the_page_too(stand: AnyStand) -> None:
    asked = {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT", "range": "bytes=0-3", "if-none-match": "*"}
    assert (await stand.get(**asked)).status_code == 503


@pytest.mark.parametrize("path", ["/hooks/paid", "/hooks/", "/v1.0", "/v1.0?x=1"])
async def test_exempt_paths_reach_the_service_and_are_counted(stand: AnyStand, path: str) -> None:
    start = (await stand.router.count(None)).cursor
    assert (await stand.get(path)).text == "blue"
    assert (await stand.counted(start, 1)).of(12).requests == 1


@pytest.mark.parametrize(
    "path", ["/hooks", "/v1.0/x", "/v1x0", "/x/hooks/", "/upper", "/x/up", "/.comporta/maintenance"]
)
async def test_other_paths_are_not_exempt(stand: AnyStand, path: str) -> None:
    assert (await stand.get(path)).status_code in ((404, 503) if "comporta" in path else (503,))


async def test_a_load_balancer_in_front_is_told_that_all_is_well_only_while_the_page_is_up(stand: AnyStand) -> None:
    start = (await stand.router.count(None)).cursor
    for path in ("/up", "/lb/", "/lb/node"):
        answer = await stand.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert (await stand.get(path, **stand.router.own_headers)).text == "blue"
    await stand.router.maintain(None)
    assert (await stand.get("/up")).text == "blue"
    assert (await stand.counted(start, 1)).total.requests == 1


async def test_the_tokens_stay_with_the_router(stand: AnyStand) -> None:
    for headers in (stand.router.own_headers, stand.router.bypass_headers):
        assert (await stand.get("/", **headers)).text == "blue"
    heads = [head.lower() for backend in stand.backends.values() for head in backend.heads]
    assert len(heads) == 2
    assert not any("x-comporta-probe" in head or "x-comporta-bypass" in head for head in heads)


async def test_the_page_outlives_the_proxy_and_the_command(stand: AnyStand) -> None:
    pid = int(next(stand.home.glob("*.pid")).read_text())
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)
    another = stand.another()
    seen = await another.observe()
    assert (seen.running, seen.maintenance) == (False, True)
    with pytest.raises(RouterError, match=r"cannot take the maintenance page down: \w+ does not run") as caught:
        await another.maintain(None)
    assert "comporta deploy" in caught.value.next
    await another.configure(stand.topology)
    assert (await another.observe()).maintenance
    assert in_one_line((await stand.get()).text) == in_one_line(PAGE)
    await another.maintain(None)
    assert (await stand.get()).text == "blue"


async def test_a_file_from_before_there_was_maintenance_is_not_trusted_with_it(stand: AnyStand) -> None:
    record = json.loads((stand.home / "router.json").read_text())
    record["proven"]["text"] = record["proven"]["text"].replace("maintenance", "")
    (stand.home / "router.json").write_text(json.dumps(record))
    with pytest.raises(RouterError, match=r"cannot put .* from an earlier comporta"):
        await stand.router.maintain("<p>another</p>")


@pytest.mark.parametrize("path", ["/a b", '/"', "/a;", "/$uri", "/a\nb", "/}", "/(.*)", "a", "/a|b", "/\\"])
@pytest.mark.parametrize("key", ["exempt", "always_ok"])
async def test_no_path_can_smuggle_anything_into_the_file(stand: AnyStand, path: str, key: str) -> None:
    before = await stand.router.observe()
    stand.spec = msgspec.structs.replace(stand.spec, maintenance=MaintenanceSpec(**{key: (path,)}))
    with pytest.raises(RouterError, match="is no valid path"):
        await stand.another().configure(stand.topology)
    assert await stand.router.observe() == before


async def test_haproxy_takes_a_page_of_11000_bytes_and_refuses_a_longer_one(haproxy: HaproxyStand) -> None:
    await haproxy.router.maintain("é" * (LONGEST // 2))
    assert (await haproxy.get()).text == "é" * (LONGEST // 2)
    with pytest.raises(RouterError, match=r"cannot put .* has 11002 bytes, and HAProxy takes 11000 at most"):
        await haproxy.router.maintain("é" * (LONGEST // 2 + 1))
    assert (await haproxy.get()).text == "é" * (LONGEST // 2)
    await haproxy.router.shift(GREEN)
    await haproxy.router.maintain(None)
    assert (await haproxy.get()).text == "green"


@pytest.mark.parametrize("tag", ["pre", "SCRIPT", "textarea"])
async def test_haproxy_refuses_a_page_whose_line_breaks_it_would_lose(haproxy: HaproxyStand, tag: str) -> None:
    with pytest.raises(RouterError, match=f"line breaks matter in its <{tag}>"):
        await haproxy.router.maintain(f"<{tag}>\n</{tag}>")
    await haproxy.router.maintain(f"<{tag}></{tag}>")
    assert (await haproxy.get()).text == f"<{tag}></{tag}>"
