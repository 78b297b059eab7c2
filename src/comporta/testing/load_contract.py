"""What every Load promises. A driver's tests inherit this suite and give it `load`, `well` and `gone`."""

from __future__ import annotations

import pytest

from comporta.model.checks import Target
from comporta.ports.load import Load

TAKES = 0.05
"""Seconds in which the target `well` answers, if nothing else goes on."""


@pytest.mark.anyio
class LoadContract:
    """Contract suite of the Load port. At `gone`, nobody answers."""

    @pytest.fixture
    def load(self) -> Load:
        raise NotImplementedError

    @pytest.fixture
    def well(self) -> Target:
        raise NotImplementedError

    @pytest.fixture
    def gone(self) -> Target:
        raise NotImplementedError

    async def test_a_steady_load_sends_all_that_is_due_and_tells_how_long_answers_took(
        self, load: Load, well: Target
    ) -> None:
        block = await load.steady(well, "/", rate=20.0, seconds=0.5, timeout=30.0)
        assert (block.sent, block.failed, block.latencies.total) == (10, 0, 10)
        assert block.latencies.p50 >= TAKES * 0.99
        assert block.seconds >= 0.5

    async def test_a_busy_load_asks_again_as_soon_as_it_is_answered_and_no_sooner(
        self, load: Load, well: Target
    ) -> None:
        block = await load.busy(well, "/", connections=2, seconds=0.5, timeout=30.0)
        assert block.failed == 0
        assert 2 <= block.answered == block.latencies.total
        assert block.per_second <= 2 / TAKES * 1.1

    async def test_what_is_not_answered_has_failed_and_has_no_latency(self, load: Load, gone: Target) -> None:
        for block in (
            await load.steady(gone, "/", rate=20.0, seconds=0.2, timeout=1.0),
            await load.busy(gone, "/", connections=2, seconds=0.05, timeout=1.0),
        ):
            assert block.sent == block.failed > 0
            assert (block.answered, block.error_rate, block.latencies.total) == (0, 1.0, 0)
