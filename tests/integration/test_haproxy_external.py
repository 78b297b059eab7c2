"""An HAProxy that was there before comporta, with a neighbour of its own."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from comporta.drivers.routers.haproxy import driver
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.model.errors import RouterError
from comporta.model.traffic import Slot
from comporta.testing.router_contract import BLUE, GREEN, RouterContract, Stand
from support.haproxy_host import HaproxyHost, haproxy_host
from support.haproxy_stand import HaproxyStand, haproxy_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def host() -> Iterator[HaproxyHost]:
    with haproxy_host() as host:
        yield host


@pytest.fixture
async def stand(tmp_path: Path, host: HaproxyHost) -> AsyncIterator[HaproxyStand]:
    async with haproxy_stand(tmp_path / "state", host.options) as stand:
        yield stand


class TestExternalHaproxy(RouterContract):
    @pytest.fixture
    async def stand(self, tmp_path: Path, host: HaproxyHost) -> AsyncIterator[Stand]:
        async with haproxy_stand(tmp_path / "state", host.options) as stand:
            yield stand


async def neighbours_answer(host: HaproxyHost) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{host.port}")).text


async def test_only_our_own_file_is_touched(stand: HaproxyStand, host: HaproxyHost) -> None:
    before = host.neighbour.read_bytes()
    await stand.router.configure(stand.topology)
    assert {path.name for path in host.neighbour.parent.iterdir()} == {"neighbour.cfg", "comporta.shop.test.cfg"}
    assert await neighbours_answer(host) == "neighbour"
    await stand.router.remove()
    assert [path.name for path in host.neighbour.parent.iterdir()] == ["neighbour.cfg"]
    assert host.neighbour.read_bytes() == before
    assert await neighbours_answer(host) == "neighbour"


async def test_a_refused_file_leaves_the_old_one_serving_and_says_why(stand: HaproxyStand, host: HaproxyHost) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    ours = host.neighbour.parent / "comporta.shop.test.cfg"
    before = ours.read_bytes()
    whole = host.neighbour.read_text()
    host.neighbour.write_text("frontend nonsense\n    nonsense\n")
    with pytest.raises(RouterError, match="haproxy refuses") as caught:
        await stand.router.configure(stand.other)
    assert any("nonsense" in line for line in caught.value.details)
    assert ours.read_bytes() == before
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.tampered) == (True, stand.topology, "")
    await stand.router.shift(GREEN)
    assert await stand.router.answering("/") == 13
    host.neighbour.write_text(whole)
    await stand.router.configure(stand.other)
    assert (await stand.router.observe()).topology == stand.other


async def test_a_first_file_that_is_refused_is_taken_away_again(stand: HaproxyStand, host: HaproxyHost) -> None:
    whole = host.neighbour.read_text()
    host.neighbour.write_text("frontend nonsense\n    nonsense\n")
    with pytest.raises(RouterError, match="haproxy refuses"):
        await stand.router.configure(stand.topology)
    host.neighbour.write_text(whole)
    assert [path.name for path in host.neighbour.parent.iterdir()] == ["neighbour.cfg"]


async def test_a_port_in_use_is_an_error_and_the_old_file_serves_again(stand: HaproxyStand) -> None:
    """`haproxy -c` and the reload both succeed with a port in use, and the old workers go on serving."""
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = msgspec.structs.replace(stand.topology, listen=f"127.0.0.1:{holder.getsockname()[1]}")
        with pytest.raises(RouterError, match="cannot prove"):
            await stand.router.configure(taken)
    assert (await stand.router.observe()).topology == stand.topology
    assert await stand.router.answering("/") == 12


async def test_two_services_share_one_haproxy_and_its_log(
    stand: HaproxyStand, host: HaproxyHost, tmp_path: Path
) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    async with haproxy_stand(tmp_path / "b", host.options, service="cafe") as second:
        await second.router.configure(second.topology)
        await second.router.shift(BLUE)
        start = (await stand.router.count(None)).cursor
        assert (await neighbours_answer(host), (await second.get()).text) == ("neighbour", "blue")
        await stand.request(times=2)
        await second.stop_instances(Slot.BLUE)
        assert (await stand.counted(start, 2)).total.requests == 2
        assert (await second.counted(start, 1)).total.requests == 1
    assert await stand.router.answering("/") == 12


async def test_the_doctor_looks_for_the_socket_and_the_log(stand: HaproxyStand, host: HaproxyHost) -> None:
    assert host.options.external
    assert all(finding.ok for finding in driver.diagnose(stand.spec, host.options))
    for lacking in ("socket", "log"):
        elsewhere = host.options.external.model_copy(update={lacking: host.folder / "elsewhere"})
        findings = driver.diagnose(stand.spec, HaproxyOptions(external=elsewhere))
        assert [(f.name, bool(f.next)) for f in findings if not f.ok] == [(f"haproxy {lacking}", True)]
