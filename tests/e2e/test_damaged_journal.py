"""The file of the journal is damaged: every verb that reads it says so and what to do, and one command leads on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.site import Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop")) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        made.comporta("deploy", "1.1.0", "--yes", "--reason", "new colours")
        yield made


@pytest.fixture
def shop(served: Site) -> Site:
    """1.1.0 serves, 1.0.0 is warm, and the journal is whole, in one file."""
    fold(served)
    return served


def fold(shop: Site) -> None:
    """Everything stands in the one file then."""
    with closing(sqlite3.connect(journal(shop))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def journal(shop: Site) -> Path:
    return shop.folder / ".comporta/journal.db"


def flip_a_bit(path: Path) -> None:
    """In the plan of the last deployment of 1.1.0."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"new colours")
    content[place] ^= 1
    path.write_bytes(content)


def lose_the_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)


READERS = (["status"], ["deploy", "1.2.0", "--yes"], ["rollback", "--yes"])


@pytest.mark.parametrize("damage", [flip_a_bit, lose_the_header])
def test_it_is_told_by_every_verb_and_after_recovery_the_way_back_is_open(
    shop: Site, damage: Callable[[Path], None]
) -> None:
    damage(journal(shop))
    damaged = journal(shop).stat().st_ino
    with User(shop.port) as user:
        for words in (*READERS, ["audit", "verify"]):
            refused = shop.comporta(*words, expect=3)
            assert "comporta audit recover" in refused.stdout + refused.stderr, words
        refused = shop.comporta("audit", "recover", expect=1)
        assert "--yes" in refused.stderr
        assert journal(shop).stat().st_ino == damaged

        told = shop.json("audit", "recover", "--yes")
        assert Path(told["aside"]).stat().st_ino == damaged, "the very file is kept"
        assert "1.1.0" in shop.comporta("status").stdout
        assert shop.json("audit", "verify")["ok"]
        shop.comporta("rollback", "--to", "1.0.0", "--yes")
        assert shop.answers() == "1.0.0"
        shop.comporta("deploy", "1.1.0", "--yes", "--reason", "new colours")
    assert user.failures == []
    assert shop.answers() == "1.1.0"


def test_a_whole_journal_is_left_alone(shop: Site) -> None:
    before = journal(shop).read_bytes()
    assert "nothing is wrong" in shop.comporta("audit", "recover", "--yes", expect=2).stderr
    assert journal(shop).read_bytes() == before


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_log_that_was_cut_off_is_told_or_goes_on_as_after_a_crash(shop: Site, left: float) -> None:
    """What a killed deployment wrote last stands in journal.db-wal only."""
    log = journal(shop).with_name("journal.db-wal")
    with User(shop.port) as user:
        shop.killed_at("do:watch-traffic:after-intent", "deploy", "1.2.0", "--yes")
        with log.open("r+b") as file:
            file.truncate(int(log.stat().st_size * left))
        status = shop.comporta("status").stdout
        if "comporta audit recover" in status:
            assert "it does not know what runs: 1.2.0 (release " in status
            assert "comporta audit recover" in shop.comporta("deploy", "1.0.0", "--yes", expect=3).stderr
            (found,) = shop.json("audit", "recover", "--yes")["found"]
            assert found.startswith("1.2.0 ")
        else:
            assert "comporta resume" in status
            shop.comporta("resume", "--yes")
        assert shop.answers() == "1.2.0"
        shop.comporta("rollback", "--to", "1.1.0", "--yes")
    assert user.failures == []
    assert shop.answers() == "1.1.0"
