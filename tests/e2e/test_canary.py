"""Canaries under real traffic: promoted with proof, aborted by themselves, steered from another terminal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module", params=["nginx"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop"), router=request.param) as made:
        made.add_release("2.0.0-flaky", how="flaky")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def old(shop: Site) -> Site:
    """1.0.0 serves."""
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    return shop


def canary(shop: Site, version: str, *options: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    return shop.comporta("deploy", version, "--yes", "--strategy", "canary", *options, expect=expect)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def share(shop: Site) -> int:
    """The candidate's share, in percent."""
    weights = shop.json("status")["router"]["traffic"]["weights"]
    return min(weights.get("blue", 0), weights.get("green", 0))


def test_a_good_release_is_promoted_with_proof_and_no_request_is_lost(old: Site) -> None:
    with User(old.port) as user:
        time.sleep(1)
        done = canary(old, "1.1.0")
    assert "pass after" in done.stdout
    assert "1 → 2" in done.stdout
    assert user.failures == []
    assert old.answers() == "1.1.0"
    assert old.running()["1.1.0"] == INSTANCES
    judged = old.judged(old.json("history", "-n", "1")[0]["deployment"])
    assert judged[-1]["verdict"]["kind"] == "pass"


@pytest.mark.parametrize("shop", ["nginx", "haproxy"], indirect=True)
def test_a_bad_release_is_aborted_by_itself_and_the_reasons_are_told(old: Site) -> None:
    with User(old.port) as user:
        time.sleep(1)
        done = canary(old, "2.0.0-flaky", expect=1)
    assert "fails more requests than stable" in done.stderr
    assert "odds of an error" in done.stderr
    assert "rolled-back: 2.0.0-flaky" in done.stdout
    assert ", 0 lost" in done.stdout
    assert all("500 from 2.0.0-flaky" in failure for failure in user.failures)
    assert old.answers() == "1.0.0"


def test_without_traffic_nothing_is_promoted(old: Site) -> None:
    done = canary(old, "1.1.0", "--watch", "4s", expect=1)
    assert "no request was answered" in done.stderr
    assert old.answers() == "1.0.0"


def test_it_is_steered_from_another_terminal(old: Site) -> None:
    old.on_inconclusive = "hold"
    old.write_config()
    try:
        running = old.start("deploy", "1.1.0", "--yes", "--strategy", "canary", "--watch", "2s")
        until(lambda: share(old) == 20)
        assert "stays at its stage" in old.comporta("pause").stdout
        until(lambda: "no-data" in old.comporta("status").stdout)
        assert "is judged again" in old.comporta("resume").stdout
        assert "goes on" in old.comporta("promote").stdout
        until(lambda: share(old) == 50)
        old.comporta("abort")
        printed, _ = running.communicate(timeout=60)
    finally:
        old.on_inconclusive = "abort"
        old.write_config()
    assert running.returncode == 1, printed
    assert "promoted by" in printed
    assert old.answers() == "1.0.0"
    assert "no canary waits" in old.comporta("promote", expect=2).stderr


def test_the_plan_says_what_the_traffic_can_tell(old: Site) -> None:
    with User(old.port):
        time.sleep(2)
        planned = old.comporta("plan", "1.1.0", "--strategy", "canary", "--canary-percent", "20").stdout
    assert "requests a second" in planned
    assert "proven" in planned
    assert "judge the candidate at 20%" in planned


def test_a_wrong_option_is_told(old: Site) -> None:
    assert "not a whole percentage" in canary(old, "1.1.0", "--canary-percent", "five", expect=2).stderr
    assert "must rise" in canary(old, "1.1.0", "--stages", "50%,10%,100%", expect=2).stderr
