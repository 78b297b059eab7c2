"""`comporta report`, over a journal on the disk."""

from __future__ import annotations

import json
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from comporta.cli.group import cli
from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.main import Composed
from comporta.model.journal import Holder, Kind

CONFIG = """
service: shop
release: {process: {directory: "releases/{version}", command: [serve]}}
health: {checks: [{name: api, path: /health}]}
environments: {staging: {domain: localhost}, production: {domain: localhost}}
"""
ANA = Holder(host="h", boot_id="b", pid=1, started=0.0, actor="ana")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Production lost a request yesterday, staging did not; both promoted."""
    path = tmp_path / "comporta.yml"
    path.write_text(CONFIG)
    anyio.run(_fill, SqliteJournal(tmp_path / ".comporta" / "journal.db", redact=str))
    return path


async def _fill(journal: SqliteJournal) -> None:
    at = time.time() - 86400
    for environment, strategy, lost in (("production", "<b>canary", 1), ("staging", "canary", 0)):
        lease = await journal.acquire(environment, ANA, at=at)
        plan = {"strategy": strategy, "release": {"number": 1}}
        number = await journal.open_deployment(at=at, lease=lease, actor="ana", data={"plan": plan})
        end = {"outcome": "promoted", "lost": lost}
        await journal.append(
            Kind.FINISHED, at=at + 9, environment=environment, actor="ana", lease=lease, deployment=number, data=end
        )


def report(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["report", "-c", str(config), *words], obj=Composed())


def facts(config: Path, *words: str) -> Any:
    return json.loads(report(config, "--json", *words).stdout)


def test_the_windows_are_7_30_and_90_days_unless_one_is_asked_for(shop: Path) -> None:
    assert [found["deployments"] for found in facts(shop, "-e", "staging")] == [1, 1, 1]
    assert [found["deployments"] for found in facts(shop, "-e", "staging", "--since", "2h")] == [0]


def test_check_exits_with_1_where_a_level_is_missed_and_only_there(shop: Path) -> None:
    assert report(shop, "-e", "production").exit_code == 0
    assert report(shop, "-e", "production", "--check").exit_code == 1
    assert report(shop, "-e", "staging", "--check").exit_code == 0
    assert report(shop, "-e", "staging", "--check", "--all-environments").exit_code == 1


def test_the_config_sets_the_levels(shop: Path) -> None:
    shop.write_text(CONFIG + "service_levels: {lost: 1, deployment: 10s}\n")
    assert report(shop, "-e", "production", "--check").exit_code == 0
    levels = facts(shop, "-e", "production")[0]["levels"]
    assert (levels["lost"]["limit"], levels["deployment"]["limit"], levels["success"]["limit"]) == (1, 10, 0.95)


def test_the_text_tells_each_group_and_the_four_figures(shop: Path) -> None:
    text = report(shop, "-e", "production", "--all-environments", "--since", "7d").stdout
    assert "staging, canary" in text
    assert "✗ 1" in text
    for figure in ("deployment frequency", "lead time", "change failure rate", "time to restore"):
        assert figure in text


def test_the_page_is_whole_escaped_and_loads_nothing(shop: Path) -> None:
    page = shop.with_name("report.html")
    report(shop, "-e", "staging", "--all-environments", "--html", str(page))
    text = page.read_text(encoding="utf-8")
    assert "<b>canary" not in text
    assert "&lt;b&gt;canary" in text
    found = Tags()
    found.feed(text)
    assert found.names.count("svg") == 6
    assert not {"script", "link", "img", "iframe"} & set(found.names)
    assert "http" not in text


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
