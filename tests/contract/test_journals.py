"""The journal contract, against the real SQLite journal and the fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.ports.journal import Journal
from comporta.testing.fake_journal import FakeJournal
from comporta.testing.journal_contract import JournalContract


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return SqliteJournal(tmp_path / "state" / "journal.db", redact=lambda text: text)


class TestFakeJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> Journal:
        return FakeJournal()
