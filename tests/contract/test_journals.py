"""The journal contract, against the real SQLite journal and the fake."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.ports.journal import Journal
from comporta.testing.fake_journal import FakeJournal
from comporta.testing.journal_contract import Damage, JournalContract


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return SqliteJournal(tmp_path / "state" / "journal.db", redact=lambda text: text)

    @pytest.fixture
    def damage(self, tmp_path: Path) -> Damage:
        async def change(journal: SqliteJournal, sequence: int) -> None:
            with sqlite3.connect(tmp_path / "state" / "journal.db") as db:
                sql = "UPDATE records SET data = json_set(data, '$.damaged', 1) WHERE sequence = ?"
                assert db.execute(sql, (sequence,)).rowcount == 1

        return change


class TestFakeJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> Journal:
        return FakeJournal()

    @pytest.fixture
    def damage(self) -> Damage:
        async def change(journal: FakeJournal, sequence: int) -> None:
            damaged = msgspec.structs.replace(journal.all[sequence - 1], data={"damaged": 1})
            journal.all[sequence - 1] = damaged

        return change
