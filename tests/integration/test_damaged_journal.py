"""Any damage to the file of the journal is told, or changes nothing that is read; and whatever is whole is taken on."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from comporta.app.deployments import opening
from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.model.errors import JournalDamaged, JournalError
from comporta.model.journal import Kind, Record
from comporta.strategies import blue_green
from comporta.testing.journal_contract import ANA, append
from support.specs import SPEC, nothing_deployed, release

DEPLOYMENTS = 12
PLAN = blue_green.plan(SPEC, nothing_deployed(), release(1, "1.0.0"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a journal with some deployments, all in one file."""
    path = tmp_path_factory.mktemp("state") / "journal.db"
    anyio.run(_fill, opened(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


async def _fill(journal: SqliteJournal) -> None:
    lease = await journal.acquire("production", ANA, at=1.0)
    for n in range(1, DEPLOYMENTS + 1):
        await journal.add_release(at=float(n), lease=lease, actor="ana", data={"version": f"1.{n}.0"})
        data = opening(PLAN, "new colours", cursor=None)
        number = await journal.open_deployment(at=float(n), lease=lease, actor="ana", data=data)
        for step in range(5):
            await append(journal, lease, Kind.INTENT, deployment=number, step=step)
            await append(journal, lease, Kind.DONE, deployment=number, step=step, data={"filling": "x" * 200})
        await append(journal, lease, Kind.FINISHED, deployment=number, data={"outcome": "promoted"})


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, redact=lambda text: text)


async def everything(journal: SqliteJournal) -> dict[str, Any]:
    """What the verbs read, as they read it."""
    kinds: tuple[Kind, ...] = (Kind.OPENED, Kind.FINISHED)
    return {
        "lease": await journal.lease("production"),
        "latest": await journal.find(environment="production", kinds=kinds, limit=2),
        "releases": await journal.find(environment="production", kinds=(Kind.RELEASE,)),
        "records": [await journal.records(number) for number in range(1, DEPLOYMENTS + 1)],
    }


def torn(content: bytes, page: int, size: int) -> bytes:
    """A page of which the middle was never written."""
    start = page * size + size // 4
    return content[:start] + bytes(size // 2) + content[start + size // 2 :]


def cases(content: bytes) -> Iterator[tuple[str, bytes]]:
    size = int.from_bytes(content[16:18], "big")
    for page in range(len(content) // size):
        yield f"page {page} torn", torn(content, page, size)
    draw = random.Random(1)
    for _ in range(150):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        yield f"bit {bit} of byte {place} flipped, on page {place // size}", bytes(flipped)
    # Of nothing nobody can tell that it was a journal, but by what runs: see the end-to-end test.
    for share in (1, 50, 99):
        yield f"{share} % left", content[: len(content) * share // 100]


async def same(path: Path, right: dict[str, Any]) -> bool | None:
    """What is read under a lease is what was written; None: it was told that something is wrong."""
    journal = opened(path)
    try:
        await journal.acquire("staging", ANA, at=50.0)
        return await everything(journal) == right
    except JournalError:
        return None
    finally:
        journal.close()


async def recovered(path: Path) -> list[Record]:
    """All records of the journal that goes on."""
    journal = opened(path)
    found = await journal.salvage()
    await journal.rebuild(found, at=99.0, environment="production", actor="ana", data={})
    assert await journal.verify() is None
    records = await journal.find(kinds=tuple(Kind))
    journal.close()
    return records


def test_nobody_who_acts_reads_damage_as_something_else(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(whole)
    right = anyio.run(everything, opened(path))
    wrong, told = [], 0
    for what, damaged in cases(whole):
        fresh(tmp_path, damaged)
        match anyio.run(same, path, right):
            case False:
                wrong.append(what)
            case None:
                told += 1
    assert wrong == []
    assert told > 50


def fresh(folder: Path, content: bytes) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "journal.db").write_bytes(content)


@pytest.mark.parametrize("index", ["records_by_deployment", "records_by_kind", "records_in_outline"])
def test_an_index_that_hides_a_record_keeps_everybody_from_acting(whole: bytes, index: str, tmp_path: Path) -> None:
    """Its pages are sound: to whoever looks up, the record was never written."""
    path = tmp_path / "journal.db"
    path.write_bytes(whole)
    hide_newest(path, index)
    journal = opened(path)
    with pytest.raises(JournalDamaged, match=f"missing from index {index}"):
        anyio.run(partial(journal.acquire, "staging", ANA, at=50.0))
    journal.close()


def hide_newest(path: Path, index: str) -> None:
    """Fill the index anew without the newest record."""
    query = "SELECT sql, (SELECT max(sequence) FROM records) FROM sqlite_schema WHERE name = ?"
    with closing(sqlite3.connect(path)) as db:
        sql, newest = db.execute(query, (index,)).fetchone()
    less = f"{sql} {'AND' if 'WHERE' in sql else 'WHERE'} sequence < {newest}"
    for definition, then in ((less, f"REINDEX {index}"), (sql, "")):
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA writable_schema = ON")
            db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (definition, index))
        with closing(sqlite3.connect(path)) as db:
            db.executescript(then)


def test_after_any_damage_what_is_whole_goes_on_in_a_whole_chain(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(whole)
    journal = opened(path)
    before = {(r.at, r.kind, r.deployment, r.step): r.data for r in anyio.run(_all, journal)}
    journal.close()
    for what, damaged in [*cases(whole)][::6]:
        fresh(tmp_path, damaged)
        for record in anyio.run(recovered, path):
            if record.kind is not Kind.RECOVERED:
                assert before[record.at, record.kind, record.deployment, record.step] == record.data, what


async def _all(journal: SqliteJournal) -> list[Record]:
    return await journal.find(kinds=tuple(Kind))
