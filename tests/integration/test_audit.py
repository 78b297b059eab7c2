"""`comporta audit verify` and `comporta history` on real journals, changed as somebody with the file could."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import anyio
import pytest

from comporta.app.deployments import opening
from comporta.app.history import PAGE
from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.model.journal import Kind
from comporta.strategies import blue_green
from comporta.testing.journal_contract import ANA
from support.site import Site
from support.specs import SPEC, nothing_deployed, release

pytestmark = pytest.mark.slow

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Site:
    """A config and no more: nothing runs."""
    return Site(tmp_path)


def write(shop: Site, *outcomes: str, environment: str = "development", switch: str = "shift-traffic") -> None:
    """A journal with a deployment for each outcome, the newest an hour ago, the others an hour before one another.

    Args:
        switch: what the step that switches is called.
    """
    plan = blue_green.plan(SPEC, nothing_deployed(), release(1, "1.0.0"))

    async def deployments() -> None:
        journal = SqliteJournal(shop.folder / ".comporta/journal.db", redact=lambda text: text)
        began = time.time() - len(outcomes) * HOUR
        lease = await journal.acquire(environment, ANA, at=began)
        for n, outcome in enumerate(outcomes):
            at, facts = began + n * HOUR, opening(plan, reason="new colours", cursor=None)
            data = json.loads(json.dumps(facts).replace("shift-traffic", switch))
            number = await journal.open_deployment(at=at, lease=lease, actor="ana", data=data)
            facts = {"outcome": outcome, "cause": "", "lost": 0}
            await journal.append(
                Kind.FINISHED,
                at=at + 60,
                environment=environment,
                actor="ana",
                lease=lease,
                deployment=number,
                data=facts,
            )
        await journal.release(lease)

    anyio.run(deployments)


def change(shop: Site, sql: str) -> None:
    with sqlite3.connect(shop.folder / ".comporta/journal.db") as db:
        assert db.execute(sql).rowcount == 1


def numbers(shop: Site, *options: str) -> list[int]:
    return [deployment["deployment"] for deployment in shop.json("history", *options)]


def test_a_whole_journal_tells_how_much_it_holds_and_from_when(shop: Site) -> None:
    assert "empty" in shop.comporta("audit", "verify").stdout
    write(shop, "promoted", "aborted")
    told = shop.json("audit", "verify")
    assert (told["ok"], told["records"], told["broken"]) == (True, 4, None)
    assert told["from"] < told["to"]
    assert told["head"] in shop.comporta("audit", "verify", "--head", told["head"][:12]).stdout


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("UPDATE records SET data = replace(data, 'colours', 'colors') WHERE sequence = 3", 3),
        ("UPDATE records SET actor = 'mallory' WHERE sequence = 2", 2),
        ("UPDATE records SET data = 'no json' WHERE sequence = 4", 4),
        ("UPDATE records SET kind = 'nonsense' WHERE sequence = 4", 4),
        ("DELETE FROM records WHERE sequence = 3", 4),
    ],
)
def test_a_record_that_was_changed_or_removed_is_named(shop: Site, sql: str, first: int) -> None:
    write(shop, "promoted", "aborted", "promoted")
    change(shop, sql)
    told = shop.comporta("audit", "verify", expect=3).stdout
    assert f"The first wrong record is number {first}, " in told
    assert f"of deployment {(first + 1) // 2}" in told
    broken = shop.json("audit", "verify", expect=3)["broken"]
    assert (broken["sequence"], broken["deployment"]) == (first, (first + 1) // 2)


def test_an_end_that_was_cut_off_is_found_out_by_a_hash_that_was_noted(shop: Site) -> None:
    write(shop, "promoted", "aborted")
    head = shop.json("audit", "verify")["head"]
    change(shop, "DELETE FROM records WHERE sequence = 4")
    assert "3 records" in shop.comporta("audit", "verify").stdout, "the chain alone cannot tell"
    assert "cut off" in shop.comporta("audit", "verify", "--head", head, expect=3).stdout
    assert shop.json("audit", "verify", "--head", head, expect=3)["lost_head"] == head
    assert "characters 0-9 and a-f" in shop.comporta("audit", "verify", "--head", "xyz", expect=2).stderr


def test_a_plan_of_another_version_is_an_error_where_its_steps_are_needed_and_hides_no_deployment(shop: Site) -> None:
    write(shop, "promoted", switch="teleport-traffic")
    told = shop.comporta("show", "1", expect=3).stderr
    assert "cannot read the plan of deployment 1: Invalid value 'teleport-traffic'" in told
    assert "another version of comporta" in told
    assert [row["version"] for row in shop.json("history")] == ["1.0.0"]
    assert shop.json("status")["latest"]["deployment"] == 1


def test_a_record_that_was_changed_is_told_and_not_shown(shop: Site) -> None:
    write(shop, "promoted", "promoted")
    change(shop, "UPDATE records SET data = replace(data, 'colours', 'colors') WHERE sequence = 1")
    for words in (("history",), ("show", "1")):
        told = shop.comporta(*words, expect=3)
        assert "cannot use record 1 of the journal: it was changed, or is damaged" in told.stderr
        assert "colors" not in told.stdout


def test_history_is_filtered_by_outcome_time_and_environment(shop: Site) -> None:
    write(shop, "promoted", "aborted", "rolled-back", "promoted")
    write(shop, "incident", environment="staging")
    assert numbers(shop) == [4, 3, 2, 1]
    assert numbers(shop, "--all-environments") == [5, 4, 3, 2, 1]
    assert numbers(shop, "--outcome", "aborted", "--outcome", "rolled-back") == [3, 2]
    assert numbers(shop, "--since", "150m") == [4, 3]
    assert numbers(shop, "--until", "150m", "-n", "1") == [2]
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 24 * HOUR))
    assert numbers(shop, "--since", day) == []
    assert "No deployment fits" in shop.comporta("history", "--since", day).stdout
    assert "staging" in shop.comporta("history", "--all-environments").stdout
    assert "is no time" in shop.comporta("history", "--since", "yesterday", expect=2).stderr


def test_history_reads_page_by_page_and_finds_what_is_old(shop: Site) -> None:
    write(shop, "aborted", *["promoted"] * (2 * PAGE), "aborted")
    assert numbers(shop, "--outcome", "aborted") == [2 * PAGE + 2, 1]
    assert numbers(shop, "-n", str(PAGE + 1)) == list(range(2 * PAGE + 2, PAGE + 1, -1))


def test_an_incident_that_was_settled_later_counts_as_what_it_became(shop: Site) -> None:
    write(shop, "incident", *["promoted"] * (PAGE + 1))

    async def settle() -> None:
        journal = SqliteJournal(shop.folder / ".comporta/journal.db", redact=lambda text: text)
        lease = await journal.acquire("development", ANA, at=time.time())
        await journal.append(
            Kind.FINISHED,
            at=time.time(),
            environment="development",
            actor="ana",
            lease=lease,
            deployment=1,
            data={"outcome": "rolled-back", "cause": "put right"},
        )

    anyio.run(settle)
    assert numbers(shop, "--outcome", "rolled-back") == [1]
    assert numbers(shop, "--outcome", "incident") == []
