"""Switching and reconfiguring a real nginx while users send requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comporta.testing.router_contract import BLUE, STAGES
from support.nginx_stand import NginxStand, nginx_stand
from support.under_load import ProvenReloads, UnderLoad

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[NginxStand]:
    async with nginx_stand(tmp_path / "state", stages=STAGES) as stand:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        yield stand


class TestNginxUnderLoad(UnderLoad, ProvenReloads):
    pass
