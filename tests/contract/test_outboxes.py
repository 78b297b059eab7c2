"""The outbox contract, against the real SQLite outbox and the fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from comporta.drivers.outboxes.sqlite import SqliteOutbox
from comporta.ports.outbox import Outbox
from comporta.testing.fake_outbox import FakeOutbox
from comporta.testing.outbox_contract import OutboxContract


class TestSqliteOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self, tmp_path: Path) -> Outbox:
        return SqliteOutbox(tmp_path / "state" / "deliveries.db")


class TestFakeOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self) -> Outbox:
        return FakeOutbox()
