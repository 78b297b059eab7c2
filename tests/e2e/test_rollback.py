"""Rollbacks as a person in a hurry runs them: with a bad release, a dead one, a lost artifact, a killed terminal."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """1.1.0 serves, and 1.0.0 is warm."""
    with site(tmp_path) as made:
        for version in ("1.0.0", "1.1.0"):
            made.comporta("deploy", version, "--yes")
        yield made


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_instances(shop: Site) -> None:
    """All of them, and those who would start them again; the router goes on."""
    for word in ("supervisord", "app.py"):
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words, cwd = process.info["cmdline"] or [], process.info["cwd"] or ""
            if str(shop.folder) in " ".join([cwd, *words]) and any(word in each for each in words):
                process.kill()
    until(lambda: shop.running() == {})


def test_a_warm_release_serves_at_once_and_no_request_is_lost(shop: Site) -> None:
    with User(shop.port) as user:
        said = shop.comporta("rollback", "--yes", "--reason", "bad").stdout
    assert "it is still warm" in said
    assert "rolled back to 1.0.0" in said
    assert user.failures == []
    assert shop.answers() == "1.0.0"


def test_the_same_command_again_at_once_does_not_go_further_back(shop: Site) -> None:
    shop.comporta("deploy", "1.2.0", "--yes")
    shop.comporta("rollback", "--yes")
    again = shop.comporta("rollback", "--yes").stdout
    assert "has just rolled back" in again
    assert shop.answers() == "1.1.0"


def test_a_canary_is_aborted_and_the_release_before_serves(shop: Site) -> None:
    with User(shop.port) as user:
        running = shop.start("deploy", "1.2.0", "--yes", "--strategy", "canary")
        until(lambda: user.answers.get("1.2.0", 0) > 0)
        said = json.loads(shop.comporta("rollback", "--yes", "--json").stdout)
        printed, _ = running.communicate(timeout=60)
    assert running.returncode == 1, printed
    assert (said["version"], "was undone" in said["why"]) == ("1.1.0", True)
    assert user.failures == []
    assert shop.answers() == "1.1.0"


def test_when_every_instance_is_dead_users_get_the_page_and_then_the_service(shop: Site) -> None:
    shop.add_release("2.0.0-slow", how="slow")
    for version in ("2.0.0-slow", "1.2.0"):
        shop.comporta("deploy", version, "--yes")
    kill_instances(shop)
    assert shop.answers() == "502"
    running = shop.start("rollback", "--emergency", "--yes")
    until(lambda: shop.answers() == "503")
    until(lambda: shop.answers() == "2.0.0-slow")
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 0, printed
    assert shop.running() == {"2.0.0-slow": INSTANCES}
    assert shop.json("status")["maintenance"] is None


def test_an_artifact_that_is_gone_is_said_and_the_next_best_named(shop: Site) -> None:
    shop.comporta("deploy", "1.2.0", "--yes")
    shutil.rmtree(shop.folder / "releases/1.0.0")
    refused = shop.comporta("rollback", "--to", "1.0.0", "--yes", expect=2)
    assert "is gone" in refused.stderr
    assert "`comporta rollback --to 1.1.0`" in refused.stderr
    assert shop.answers() == "1.2.0"


def test_a_lost_env_file_hinders_a_rollback_to_a_warm_release_as_little_as_status(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        config, env = tmp_path / "comporta.yml", tmp_path / ".env"
        config.write_text(config.read_text().replace("monitoring: basic", "monitoring: basic\n    env_file: .env"))
        env.write_text("PASSWORD=hunter2\n")
        for version in ("1.0.0", "1.1.0"):
            shop.comporta("deploy", version, "--yes")
        env.unlink()
        assert shop.live() == "1.1.0"
        shop.comporta("rollback", "--yes")
        assert shop.answers() == "1.0.0"
        before = shop.json("history")
        for words in (["deploy", "1.2.0", "--yes"], ["plan", "1.2.0"], ["doctor"]):
            assert ".env: No such file" in shop.comporta(*words, expect=2).stderr
        assert shop.json("history") == before


@pytest.mark.parametrize("place", ["hold-slot:after-effect", "shift-traffic:after-effect", "keep-warm:after-intent"])
def test_killed_halfway_the_same_command_finishes_it(shop: Site, place: str) -> None:
    with User(shop.port) as user:
        shop.killed_at(f"do:{place}", "rollback", "--yes")
        said = shop.comporta("rollback", "--yes").stdout
    assert "took over the lease" in said
    assert user.failures == []
    assert shop.answers() == "1.0.0"
    assert shop.json("status")["lease"] is None
