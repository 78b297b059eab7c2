"""Rolling deployments of three instances under real traffic: nothing is lost, also when it goes wrong in the middle."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.site import Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

INSTANCES = 3


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("shop")
    with site(folder, router=request.param, instances=INSTANCES, keep_failed="0s") as made:
        made.add_release("2.0.0-sick", how="sick")
        made.add_release("2.0.0-failing", how="failing")
        made.comporta("deploy", "1.0.0", "--yes", "--strategy", "rolling")
        yield made


@pytest.fixture
def old(shop: Site) -> Site:
    """Three instances of 1.0.0 serve, and nothing else runs."""
    if shop.running() != {"1.0.0": INSTANCES}:
        shop.comporta("deploy", "1.0.0", "--yes", "--strategy", "rolling", "--force")
    return shop


def roll(shop: Site, version: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    return shop.comporta("deploy", version, "--yes", "--strategy", "rolling", expect=expect)


@contextmanager
def counted(shop: Site) -> Iterator[list[int]]:
    """How many instances run, looked at all the time."""
    seen: list[int] = []
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            seen.append(sum(shop.running().values()))
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        enough.set()
        thread.join()


def test_one_instance_after_the_other_is_replaced_without_losing_a_request(old: Site) -> None:
    with User(old.port) as user, counted(old) as seen:
        time.sleep(0.5)
        done = roll(old, "1.1.0")
        time.sleep(0.3)
    assert user.failures == []
    assert {"1.0.0", "1.1.0"} <= set(user.answers)
    assert old.running() == {"1.1.0": INSTANCES}
    assert (min(seen), max(seen)) == (INSTANCES, INSTANCES + 1)
    assert "take instances from" in done.stdout
    assert old.answers() == "1.1.0"


def test_a_release_that_never_gets_healthy_stops_at_the_first_instance(old: Site) -> None:
    old.health_timeout = "2s"
    old.write_config()
    with User(old.port) as user, counted(old) as seen:
        roll(old, "2.0.0-sick", expect=1)
    old.health_timeout = "20s"
    old.write_config()
    assert user.failures == []
    assert set(user.answers) == {"1.0.0"}
    assert max(seen) == INSTANCES + 1
    assert old.running() == {"1.0.0": INSTANCES}


def test_a_release_that_fails_under_traffic_is_reversed_at_the_first_instance(old: Site) -> None:
    old.pause = "12s"
    old.write_config()
    with User(old.port) as user, counted(old) as seen:
        time.sleep(0.5)
        done = roll(old, "2.0.0-failing", expect=1)
    old.pause = "1s"
    old.write_config()
    assert "cannot promote the candidate" in done.stderr
    assert all("500 from 2.0.0-failing" in failure for failure in user.failures)
    assert (min(seen), max(seen)) == (INSTANCES, INSTANCES + 1)
    assert old.running() == {"1.0.0": INSTANCES}
    assert ", 0 lost" in done.stdout


@pytest.mark.parametrize("settle", ["resume", "abort"])
def test_killed_when_an_old_instance_has_just_gone_it_is_finished_or_undone_and_nothing_is_lost(
    old: Site, settle: str
) -> None:
    with User(old.port) as user:
        time.sleep(0.3)
        old.killed_at("do:scale-instances:after-effect", "deploy", "1.2.0", "--yes", "--strategy", "rolling")
        assert sum(old.running().values()) == INSTANCES
        if settle == "abort":
            old.killed_at("undo:scale-instances:after-intent", "abort")
        old.comporta("resume", "--yes", expect=0 if settle == "resume" else 1)
        time.sleep(0.3)
    assert user.failures == []
    assert old.running() == {"1.2.0" if settle == "resume" else "1.0.0": INSTANCES}
