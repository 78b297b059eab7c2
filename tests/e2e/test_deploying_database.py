"""The database as part of deployments: the real command, a real PostgreSQL, a real service, users all the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from support.migrating_site import DROP_LEGACY, DROP_LEGACY_FOR_GOOD, NOTE, ORDERS, REQUIRE_NOTE, UNSAFE, MigratingSite
from support.postgresql import Server, postgresql, rows
from support.site import User, taken_down
from support.workload import until

pytestmark = pytest.mark.slow
GATE = "-- comporta: safe because only this test uses the table\nLOCK TABLE gate;\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Iterator[MigratingSite]:
    """1.0.0 serves."""
    with taken_down(MigratingSite(tmp_path, url=server.database())) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


def columns(url: str) -> set[str]:
    found = rows(url, "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'")
    return {name for (name,) in found}


def orders(url: str) -> dict[int, tuple[object, ...]]:
    return {row[0]: row[1:] for row in rows(url, "SELECT id, name FROM orders ORDER BY id")}


def test_expand_under_load_and_back_without_touching_the_schema(site: MigratingSite):
    with User(site.port) as user:
        site.comporta("deploy", "2.0.0", "--yes")
        assert columns(site.url) == {"id", "name", "legacy", "note"}
        site.comporta("rollback", "--yes")
        assert site.answers() == "1.0.0"
    assert user.failures == []
    assert user.answers.keys() == {"1.0.0", "2.0.0"}
    assert columns(site.url) == {"id", "name", "legacy", "note"}
    assert "see that 1.0.0 lives with it" in site.comporta("show", "2").stdout


def test_contract_and_a_rollback_across_it_keep_what_can_be_kept(site: MigratingSite):
    with User(site.port) as user:
        site.comporta("deploy", "2.0.0", "--yes")
        done = site.json("database", "contract", "--yes")
        assert done["applied"] == ["0003"]
        assert columns(site.url) == {"id", "name", "note"}
        refused = site.comporta("rollback", "--to", "1.0.0", "--yes", expect=1)
        assert "0003_drop_legacy" in refused.stderr + refused.stdout
        before = orders(site.url)
        site.comporta("rollback", "--to", "1.0.0", "--yes", "--accept-data-loss")
        assert site.answers() == "1.0.0"
    assert user.failures == []
    assert columns(site.url) == {"id", "name", "legacy", "note"}
    after = orders(site.url)
    assert {id: after[id] for id in before} == before


def test_what_is_not_safe_is_refused_with_its_line_and_nothing_is_changed(site: MigratingSite):
    site.bring("3.0.0", "note", ORDERS, UNSAFE)
    before = site.json("history")
    done = site.comporta("deploy", "3.0.0", "--yes", expect=1)
    assert "releases/3.0.0/migrations/0002_note.up.sql:1" in done.stderr
    assert columns(site.url) == {"id", "name", "legacy"}
    assert site.json("history") == before


def test_what_the_live_release_does_not_live_with_is_undone_before_the_candidate_starts(site: MigratingSite):
    """Somebody gave a reason that is wrong: the check of 1.0.0, which reads the renamed column, finds out."""
    site.bring("3.0.0", "note", ORDERS, REQUIRE_NOTE)
    done = site.comporta("deploy", "3.0.0", "--yes", expect=1)
    assert "does not live with it; it was undone" in done.stdout + done.stderr
    assert columns(site.url) == {"id", "name", "legacy"}
    assert (site.answers(), site.running()) == ("1.0.0", {"1.0.0": 2})


def test_a_lock_that_a_long_transaction_holds_is_given_up_and_users_are_served(site: MigratingSite):
    with User(site.port) as user, closing(psycopg.connect(site.url)) as report:
        report.execute("SELECT count(*) FROM orders")
        done = site.comporta("deploy", "2.0.0", "--yes", expect=1)
        assert "lock timeout" in done.stdout + done.stderr
    assert columns(site.url) == {"id", "name", "legacy"}
    assert user.failures == []
    assert user.answers.keys() == {"1.0.0"}


def test_a_database_that_is_restarted_in_the_middle_ends_the_deployment_and_not_the_next(
    server: Server, site: MigratingSite
):
    site.bring("3.0.0", "note", ORDERS, ("0002_note", f"{GATE}{NOTE[1]}", NOTE[2]))
    rows(site.url, "CREATE TABLE gate (id int)")
    with closing(psycopg.connect(site.url)) as report:
        report.execute("LOCK TABLE gate")
        deploying = site.start("deploy", "3.0.0", "--yes")
        until(lambda: rows(site.url, "SELECT 1 FROM pg_locks WHERE NOT granted"), "the migration waits")
        server.restart()
        deploying.communicate()
    assert columns(site.url) == {"id", "name", "legacy"}
    assert site.answers() == "1.0.0"
    site.comporta("deploy", "2.0.0", "--yes")
    assert site.answers() == "2.0.0"


def test_a_restart_in_the_middle_of_a_downgrade_loses_nothing_and_the_next_rollback_goes_through(
    server: Server, site: MigratingSite
):
    """Users get errors of their own release while there is no database, and nothing else at any time."""
    number, up, down = DROP_LEGACY
    site.bring("3.0.0", "note", ORDERS, NOTE, (number, up, f"{down}SELECT pg_advisory_xact_lock(7);\n"))
    site.comporta("deploy", "3.0.0", "--yes")
    site.comporta("database", "contract", "--yes")
    words = ("rollback", "--to", "1.0.0", "--yes", "--accept-data-loss")
    with User(site.port) as user:
        with closing(psycopg.connect(site.url)) as somebody:
            somebody.execute("SELECT pg_advisory_lock(7)")
            going_back = site.start(*words)
            until(lambda: rows(site.url, "SELECT 1 FROM pg_locks WHERE NOT granted"), "the way back waits")
            early = orders(site.url)
            server.restart()
            said = going_back.communicate()[0]
        assert (going_back.returncode, site.answers()) == (1, "3.0.0"), said
        assert columns(site.url) == {"id", "name", "note"}
        newest = site.json("database", "list")["backups"][0]
        assert newest["reason"] == "deployment 3: before going back to 1.0.0"
        assert newest["verified_at"]
        late = orders(site.url)
        site.comporta(*words)
        assert site.answers() == "1.0.0"
    assert {failure.split(" ", 1)[1] for failure in user.failures} <= {"500 from 3.0.0"}
    assert columns(site.url) == {"id", "name", "legacy", "note"}
    after = orders(site.url)
    assert {id: after[id] for id in late} == late
    assert {id: late[id] for id in early} == early


def test_across_an_irreversible_contract_only_the_backup_from_before_it_leads_back(site: MigratingSite):
    site.bring("3.0.0", "note", ORDERS, NOTE, DROP_LEGACY_FOR_GOOD)
    rows(site.url, "INSERT INTO orders (name, legacy) VALUES ('early', 'of early')")
    site.comporta("deploy", "3.0.0", "--yes")
    site.comporta("database", "contract", "--yes", "--reason", "its week is over")
    told = site.json("history", "-n", "1")[0]
    assert (told["strategy"], told["version"], told["outcome"]) == ("contract", "3.0.0", "applied")
    assert (told["migrations"], told["reason"]) == (["0003 (drop legacy)"], "its week is over")
    assert "contract 0003 (drop legacy)" in site.comporta("history").stdout
    rows(site.url, "INSERT INTO orders (name, note) VALUES ('late', 'of late')")
    words = ("rollback", "--to", "1.0.0", "--yes", "--accept-data-loss")
    refused = site.comporta(*words, expect=1).stderr
    assert "no way back from 0003" in refused
    assert "orders: 2 rows now, 1 then" in refused
    assert "--restore-backup" in refused
    assert site.answers() == "3.0.0"
    site.comporta(*words, "--restore-backup")
    assert site.answers() == "1.0.0"
    assert rows(site.url, "SELECT name, legacy, note FROM orders") == [("early", "of early", None)]
    newest = site.json("database", "list")["backups"][0]
    assert (newest["reason"], newest["rows"]["orders"]) == ("deployment 3: before going back to 1.0.0", 2)


def test_two_environments_with_one_database_deploy_at_once(server: Server, tmp_path: Path):
    """One migrates, the other waits and finds nothing to do."""
    url = server.database()
    folders = [tmp_path / "one", tmp_path / "two"]
    for each in folders:
        each.mkdir()
    with taken_down(MigratingSite(folders[0], url=url)) as one, taken_down(MigratingSite(folders[1], url=url)) as two:
        for each in (one, two):
            each.comporta("deploy", "1.0.0", "--yes")
        with User(one.port) as first, User(two.port) as second:
            running = [each.start("deploy", "2.0.0", "--yes") for each in (one, two)]
            outputs = [process.communicate(timeout=120)[0] for process in running]
        assert [process.returncode for process in running] == [0, 0], outputs
        assert (one.answers(), two.answers()) == ("2.0.0", "2.0.0")
        assert first.failures + second.failures == []
    assert columns(url) == {"id", "name", "legacy", "note"}
    assert rows(url, "SELECT count(*) FROM comporta_migrations WHERE revision = '0002'") == [(1,)]


PLACES = [
    f"do:{step}:{moment}"
    for step in ("back-up-database", "migrate-database")
    for moment in ("after-intent", "after-effect", "after-result")
]


@pytest.mark.parametrize("settle", ["resume", "abort"])
@pytest.mark.parametrize("place", PLACES)
def test_a_deployment_is_killed_in_a_step_of_the_database(site: MigratingSite, place: str, settle: str):
    with User(site.port) as user:
        site.killed_at(place, "deploy", "2.0.0", "--yes")
        site.comporta(settle, *(["--yes"] if settle == "resume" else []), expect=None)
        assert site.answers() == ("2.0.0" if settle == "resume" else "1.0.0")
        site.comporta("deploy", "2.0.0", "--yes")
    assert user.failures == []
    assert columns(site.url) == {"id", "name", "legacy", "note"}


@pytest.mark.parametrize("settle", ["resume", "abort"])
@pytest.mark.parametrize("moment", ["after-intent", "after-effect", "after-result"])
def test_a_rollback_across_a_contract_is_killed_in_the_downgrade(site: MigratingSite, moment: str, settle: str):
    site.comporta("deploy", "2.0.0", "--yes")
    site.comporta("database", "contract", "--yes")
    with User(site.port) as user:
        before = orders(site.url)
        words = ("rollback", "--to", "1.0.0", "--yes", "--accept-data-loss")
        site.killed_at(f"do:downgrade-database:{moment}", *words)
        site.comporta(settle, *(["--yes"] if settle == "resume" else []), expect=None)
        back = settle == "resume"
        assert site.answers() == ("1.0.0" if back else "2.0.0")
        assert columns(site.url) == {"id", "name", "note"} | ({"legacy"} if back else set())
        after = orders(site.url)
    assert user.failures == []
    assert {id: after[id] for id in before} == before


@pytest.mark.parametrize("settle", ["resume", "abort"])
def test_a_rollback_is_killed_once_the_backup_is_restored(site: MigratingSite, settle: str):
    """Undone, it brings back also what the restored backup did not have."""
    site.bring("3.0.0", "note", ORDERS, NOTE, DROP_LEGACY_FOR_GOOD)
    site.comporta("deploy", "3.0.0", "--yes")
    site.comporta("database", "contract", "--yes")
    rows(site.url, "INSERT INTO orders (name, note) VALUES ('late', 'of late')")
    words = ("rollback", "--to", "1.0.0", "--yes", "--accept-data-loss", "--restore-backup")
    site.killed_at("do:restore-database:after-effect", *words)
    assert site.answers() == "503", "the page is up"
    site.comporta(settle, *(["--yes"] if settle == "resume" else []), expect=None)
    back = settle == "resume"
    assert site.answers() == ("1.0.0" if back else "3.0.0")
    assert columns(site.url) == {"id", "name", "note"} | ({"legacy"} if back else set())
    assert rows(site.url, "SELECT name FROM orders") == ([] if back else [("late",)])
