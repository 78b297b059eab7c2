"""Which backups are kept, when two schemas are the same, and how a password gets to libpq."""

from __future__ import annotations

import msgspec
import pytest

from comporta.drivers.databases.postgresql_programs import escaped
from comporta.drivers.databases.schema_text import digests
from comporta.model.backups import Backup, backup_id, bytes_text, latest_verified, surplus
from comporta.model.spec import KeepSpec
from comporta.testing.backup_store_contract import backup

DAY = 86400.0


def daily(count: int) -> list[Backup]:
    """One a day, at noon, the newest first."""
    return [backup(f"day-{n}", at=(20_000 + n + 0.5) * DAY) for n in reversed(range(count))]


def kept(backups: list[Backup], keep: KeepSpec) -> list[str]:
    gone = surplus(backups, keep)
    return [one.id for one in backups if one not in gone]


def test_the_last_ones_are_kept() -> None:
    assert kept(daily(5), KeepSpec(last=2, daily=0, weekly=0)) == ["day-4", "day-3"]


def test_of_each_day_the_newest_is_kept() -> None:
    backups = [backup("b", at=20_001.9 * DAY), backup("a", at=20_001.1 * DAY), backup("c", at=20_000.5 * DAY)]
    assert kept(backups, KeepSpec(last=1, daily=2, weekly=0)) == ["b", "c"]


def test_of_each_week_the_newest_is_kept() -> None:
    ids = kept(daily(28), KeepSpec(last=1, daily=0, weekly=3))
    assert len(ids) == 3
    assert ids[0] == "day-27"


def test_days_without_a_backup_do_not_use_the_rule_up() -> None:
    backups = [backup("new", at=20_030.5 * DAY), *daily(3)]
    assert kept(backups, KeepSpec(last=1, daily=3, weekly=0)) == ["new", "day-2", "day-1"]


def test_the_last_verified_one_is_never_deleted() -> None:
    old = [msgspec.structs.replace(one, verified_at=1.0) for one in daily(2)]
    backups = [backup("new", at=20_030.5 * DAY), *old]
    assert latest_verified(backups) == old[0]
    assert [one.id for one in surplus(backups, KeepSpec(last=1, daily=0, weekly=0))] == ["day-0"]


def at(day: int, revision: str | None, reason: str = "a test") -> Backup:
    made = backup(f"day-{day}", at=day * DAY)
    content = msgspec.structs.replace(made.content, revision=revision)
    return msgspec.structs.replace(made, content=content, reason=reason, verified_at=day * DAY)


CONTRACT = "before contracting it to 0003"


@pytest.mark.parametrize(
    ("backups", "stays"),
    [
        ([at(1, "0002", CONTRACT), at(2, "0003"), at(3, "0004")], ["day-1"]),
        ([at(1, "0002", CONTRACT), at(2, "0004", CONTRACT), at(3, "0005")], ["day-2"]),
        ([at(1, "0002", CONTRACT), at(2, "0002", CONTRACT), at(3, "0003")], ["day-2"]),
        ([at(1, "0002", CONTRACT), at(2, "0004", CONTRACT), at(3, "0004")], ["day-1"]),  # the second one failed
        ([at(1, "0002", CONTRACT), at(2, "0003"), at(3, "0002")], []),  # undone by a rollback
        ([at(1, None, CONTRACT), at(2, None), at(3, None)], ["day-1"]),  # a tool that leaves no revision
    ],
)
def test_the_last_one_from_before_a_contract_that_holds_is_never_deleted(
    backups: list[Backup], stays: list[str]
) -> None:
    assert kept(backups, KeepSpec(last=1, daily=0, weekly=0)) == [*stays, backups[-1].id]


def test_ids_sort_by_time() -> None:
    assert backup_id(0, "ab") == "19700101T000000Z-ab"
    assert backup_id(1.7e9, "ff") < backup_id(1.7e9 + 1, "00")


def test_a_check_that_postgresql_wrote_anew_is_the_same() -> None:
    written = "CHECK (((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))"
    restored = "CHECK (((x)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))"
    other = restored.replace("'b'", "'c'")
    assert digests([("constraint", "c", written)]) == digests([("constraint", "c", restored)])
    assert digests([("constraint", "c", written)]) != digests([("constraint", "c", other)])


def test_the_order_of_definitions_does_not_count() -> None:
    one, two = ("column", "users", "1 id integer"), ("column", "users", "2 name text")
    assert digests([one, two]) == digests([two, one]) != digests([one])


@pytest.mark.parametrize(("password", "line"), [("plain", "plain"), ("a:b", "a\\:b"), ("a\\b", "a\\\\b")])
def test_a_password_is_written_as_libpq_reads_it(password: str, line: str) -> None:
    assert escaped(password) == line


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5 * 10**12, "5.0 TB")]
)
def test_bytes_as_people_read_them(count: int, text: str) -> None:
    assert bytes_text(count) == text
