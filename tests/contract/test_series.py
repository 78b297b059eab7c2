"""The contract of the watch's seconds, against the real SQLite file and the fake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comporta.drivers.series.sqlite import SqliteSeries
from comporta.ports.series import Series
from comporta.testing.fake_series import FakeSeries
from comporta.testing.series_contract import SeriesContract


class TestSqliteSeries(SeriesContract):
    @pytest.fixture
    def series(self, tmp_path: Path) -> Series:
        return SqliteSeries(tmp_path / "production" / "watch.db")

    @pytest.fixture
    def reopened(self, tmp_path: Path) -> Callable[[], Series]:
        return lambda: SqliteSeries(tmp_path / "production" / "watch.db")


class TestFakeSeries(SeriesContract):
    @pytest.fixture
    def series(self) -> Series:
        return FakeSeries()

    @pytest.fixture
    def reopened(self, series: Series) -> Callable[[], Series]:
        return lambda: series
