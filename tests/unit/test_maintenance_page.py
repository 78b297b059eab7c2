"""The page that users get, and what can stand in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comporta.app.maintenance_page import diagnose, page
from comporta.drivers.routers.haproxy_maintenance import LONGEST, encode
from comporta.model.errors import UsageError
from comporta.model.spec import EnvironmentSpec, MaintenanceSpec
from support import specs


def spec(**maintenance: object) -> EnvironmentSpec:
    return specs.spec(maintenance=MaintenanceSpec(**maintenance))


def test_the_built_in_page_shows_the_message_and_tries_again_when_users_may() -> None:
    made = page(spec(retry_after=89.2), "<script>alert('5 & 6')</script> {seconds}")
    assert "&lt;script&gt;alert(&#x27;5 &amp; 6&#x27;)&lt;/script&gt; {seconds}" in made
    assert 'http-equiv="refresh" content="90"' in made
    assert "shop is closed" in made


def test_the_built_in_page_says_something_without_a_message_and_needs_nothing_else() -> None:
    made = page(spec(), "")
    assert "back soon" in made
    assert re.search(r"https?:|src=|href=|url\(|@import", made) is None


def test_every_router_takes_the_built_in_page_with_a_long_message() -> None:
    assert len(page(spec(), "x" * 5000)) < LONGEST
    encode(page(spec(), "x" * 5000))


def test_braces_in_a_page_of_ones_own_stay(tmp_path: Path) -> None:
    own = tmp_path / "own.html"
    own.write_text("body { color: red } {message} {0} {message}\r\n", encoding="utf-8", newline="")
    assert (
        page(spec(page=str(own)), "{message} & 1") == "body { color: red } {message} &amp; 1 {0} {message} &amp; 1\r\n"
    )


def test_the_page_of_the_command_comes_before_the_one_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert page(spec(page=str(tmp_path / "a")), "", tmp_path / "b") == "b"


@pytest.mark.parametrize(("content", "cause"), [(None, "No such file"), (b"\xff\xfe", "not UTF-8")])
def test_a_page_that_cannot_be_read_is_told_also_beforehand(tmp_path: Path, content: bytes | None, cause: str) -> None:
    own = tmp_path / "own.html"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(UsageError, match=f"cannot read the maintenance page .*{cause}"):
        page(spec(), "", own)
    [finding] = diagnose(spec(page=str(own)))
    assert not finding.ok
    assert cause in finding.text


def test_a_page_that_can_be_read_is_well_and_the_built_in_one_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "own.html").write_text("closed")
    [finding] = diagnose(spec(page=str(tmp_path / "own.html")))
    assert finding.ok
    assert diagnose(spec()) == []
