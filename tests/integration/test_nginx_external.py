"""An nginx that was there before comporta, with a neighbour of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from comporta.model.errors import RouterError
from comporta.model.traffic import Slot
from comporta.testing.router_contract import BLUE, GREEN, STAGES, RouterContract, Stand, new_clients, split
from support.nginx_host import NginxHost, nginx_host
from support.nginx_stand import NginxStand, nginx_stand

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[NginxHost]:
    with nginx_host(tmp_path / "etc-nginx") as host:
        yield host


@pytest.fixture
async def stand(tmp_path: Path, host: NginxHost) -> AsyncIterator[NginxStand]:
    async with nginx_stand(tmp_path / "state", host.options) as stand:
        yield stand


class TestExternalNginx(RouterContract):
    @pytest.fixture
    async def stand(self, tmp_path: Path, host: NginxHost) -> AsyncIterator[Stand]:
        async with nginx_stand(tmp_path / "state", host.options, STAGES) as stand:
            yield stand


async def test_only_our_own_file_is_touched(stand: NginxStand, host: NginxHost) -> None:
    before = host.neighbour.read_bytes()
    await stand.router.configure(stand.topology)
    assert {path.name for path in host.neighbour.parent.iterdir()} == {"neighbour.conf", "comporta-shop-test.conf"}
    await stand.router.remove()
    assert [path.name for path in host.neighbour.parent.iterdir()] == ["neighbour.conf"]
    assert host.neighbour.read_bytes() == before


async def test_a_refused_file_leaves_the_old_one_serving_and_says_why(stand: NginxStand, host: NginxHost) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    ours = host.neighbour.parent / "comporta-shop-test.conf"
    before = ours.read_bytes()
    whole = host.neighbour.read_text()
    host.neighbour.write_text("server { nonsense; }")
    with pytest.raises(RouterError, match="nginx refuses") as caught:
        await stand.router.configure(stand.other)
    assert any("nonsense" in line for line in caught.value.details)
    assert ours.read_bytes() == before
    assert {path.name for path in ours.parent.iterdir()} == {"neighbour.conf", ours.name}
    seen = await stand.router.observe()
    assert (seen.running, seen.topology, seen.tampered) == (True, stand.topology, "")
    await stand.router.shift(GREEN)
    assert await stand.router.answering("/") == 13
    host.neighbour.write_text(whole)
    await stand.router.configure(stand.other)
    assert (await stand.router.observe()).topology == stand.other


async def test_a_first_file_that_is_refused_is_taken_away_again(stand: NginxStand, host: NginxHost) -> None:
    whole = host.neighbour.read_text()
    host.neighbour.write_text("server { nonsense; }")
    with pytest.raises(RouterError, match="nginx refuses"):
        await stand.router.configure(stand.topology)
    host.neighbour.write_text(whole)
    assert [path.name for path in host.neighbour.parent.iterdir()] == ["neighbour.conf"]


async def test_a_reload_that_nginx_quietly_ignores_is_not_believed(stand: NginxStand, host: NginxHost) -> None:
    """`nginx -t` and the reload both succeed with a port in use, and the old file goes on being served."""
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


async def test_two_services_share_one_nginx(stand: NginxStand, host: NginxHost, tmp_path: Path) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    listen, domain = stand.spec.listen, "cafe.example"
    async with nginx_stand(tmp_path / "b", host.options, service="cafe", listen=listen, domain=domain) as second:
        await second.router.configure(second.topology)
        await second.router.shift(GREEN)
        assert ((await stand.get()).text, (await second.get()).text) == ("blue", "green")
        await stand.stop_instances(Slot.GREEN)
    assert await stand.router.answering("/") == 12


async def test_two_services_of_one_nginx_are_split_at_shares_of_their_own(
    stand: NginxStand, host: NginxHost, tmp_path: Path
) -> None:
    other = {"service": "cafe", "listen": stand.spec.listen, "domain": "cafe.example"}
    async with nginx_stand(tmp_path / "b", host.options, (40,), **other) as second:
        stages = {stand: 1, second: 40}
        for one, stage in stages.items():
            await one.router.configure(msgspec.structs.replace(one.topology, stages=(stage,)))
            await one.router.shift(split(Slot.GREEN, stage))
        greens = {one: [release for release, _ in await new_clients(one, 200)].count(13) for one in stages}
        assert greens[stand] < 20 < 40 < greens[second]


async def test_a_log_that_logrotate_moved_is_read_to_its_end(stand: NginxStand, host: NginxHost) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)
    cursor = (await stand.router.count(None)).cursor
    log = stand.home / "access.log"
    assert host.options.external
    log.rename(log.with_name("access.log.1"))
    await stand.request(times=2)
    subprocess.run([*host.options.external.reload[:-1], "reopen"], check=True)
    while not log.exists():
        time.sleep(0.01)
    await stand.request(times=1)
    assert (await stand.counted(cursor, 3)).of(12).requests == 3


async def test_a_deleted_log_is_an_error_and_nothing_hangs(stand: NginxStand) -> None:
    await stand.router.configure(stand.topology)
    cursor = (await stand.router.count(None)).cursor
    (stand.home / "access.log").unlink()
    with pytest.raises(RouterError, match="there is no"):
        await stand.router.count(cursor)


async def test_workers_that_cannot_read_the_switch_are_an_error(stand: NginxStand, host: NginxHost) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root's nginx has workers of another user")
    config = host.folder / "nginx.conf"
    config.write_text(config.read_text().replace("user root;", "user nobody root;"))
    Path(stand.spec.state).mkdir(mode=0o700)
    with pytest.raises(RouterError, match="workers cannot read"):
        await stand.router.configure(stand.topology)
    assert [path.name for path in host.neighbour.parent.iterdir()] == ["neighbour.conf"]
