"""The database as part of deployments: the real command, a real PostgreSQL, a real service, users all the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.migrating_site import MigratingSite
from support.postgresql import Server, postgresql, rows
from support.site import User, taken_down

pytestmark = pytest.mark.slow


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
