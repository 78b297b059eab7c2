"""Switching and reconfiguring a real nginx while users send requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from comporta.testing.router_contract import BLUE, STAGES
from support.backends import backends
from support.nginx_stand import NginxStand, nginx_stand
from support.under_load import UnderLoad, load_on

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[NginxStand]:
    async with nginx_stand(tmp_path / "state", stages=STAGES) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


class TestNginxUnderLoad(UnderLoad):
    pass


async def test_nothing_of_the_old_topology_answers_once_the_new_one_is_proven(stand: NginxStand) -> None:
    async with backends("newer") as [(_, port)]:
        newer = msgspec.structs.replace(stand.topology, blue=(f"127.0.0.1:{port}",))
        for topology, old, new in ((newer, "blue", "newer"), (stand.topology, "newer", "blue")):
            async with load_on(stand) as load:
                await asyncio.sleep(0.3)
                await stand.router.configure(topology)
                proven = time.monotonic()
                await asyncio.sleep(0.5)
                report = await load.stop()
            assert report.cut_over(proven, old) == 0.0
            assert report.between(proven, report.end).releases()[new] > 50
            # A reload of this nginx may close idle connections under a request; it never answers wrongly.
            assert set(report.failures) <= {"reset", "closed", "truncated"}
