"""`comporta serve` as an operator runs it: what turns bad is taken back in real time, and nothing stops it for good."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.site import Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WINDOW = 5
WATCH = f"""
watch:
  rollback:
    errors: {{above: 15%, during: {WINDOW}s}}
    availability: {{below: 95%, during: {WINDOW}s}}
"""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop")) as made:
        config = made.folder / "comporta.yml"
        config.write_text(config.read_text().replace("monitoring: basic", "monitoring: enabled") + WATCH)
        made.add_release("1.1.0-rotting", how="rotting")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def shop(ground: Site) -> Site:
    """1.1.0-rotting serves instead of 1.0.0, which is warm. It is well until somebody makes the file `rotten`."""
    (ground.folder / "rotten").unlink(missing_ok=True)
    if ground.live() != "1.1.0-rotting":
        ground.comporta("deploy", "1.1.0-rotting", "--yes")
    return ground


@contextmanager
def serving(shop: Site) -> Iterator[subprocess.Popen[str]]:
    process = shop.start("serve")
    try:
        assert process.stdout is not None
        assert "watching shop" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def rot(shop: Site) -> float:
    (shop.folder / "rotten").touch()
    return time.time()


def automatic(shop: Site) -> list[dict[str, object]]:
    """The rollbacks that answered the latest deployment of the rotting release."""
    history = shop.json("history")
    latest = next(i for i, d in enumerate(history) if d["version"] == "1.1.0-rotting")
    return [d for d in history[:latest] if d["reason"].startswith("AUTO: ")]


def test_a_release_that_turns_bad_is_taken_back_without_anybody(shop: Site) -> None:
    with serving(shop) as server, User(shop.port) as user:
        time.sleep(2)
        rot(shop)
        until(lambda: shop.answers() == "1.0.0")
        until(lambda: len(automatic(shop)) == 1 and automatic(shop)[0]["outcome"] == "promoted")
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    assert all("500 from 1.1.0-rotting" in failure for failure in user.failures), "the switch itself lost nothing"
    assert shop.live() == "1.0.0"


def test_killed_in_the_middle_of_the_window_the_next_one_finishes_it(shop: Site) -> None:
    with User(shop.port):
        with serving(shop) as server:
            time.sleep(2)
            rot(shop)
            time.sleep(WINDOW / 2)
            server.kill()
            server.wait()
        assert automatic(shop) == []
        with serving(shop):
            until(lambda: shop.answers() == "1.0.0" and automatic(shop)[0]["outcome"] == "promoted")


@pytest.mark.parametrize("place", ["do:shift-traffic:after-intent", "do:shift-traffic:after-effect"])
def test_killed_in_the_middle_of_a_rollback_the_next_one_finishes_it(shop: Site, place: str) -> None:
    with User(shop.port) as user:
        rot(shop)
        shop.killed_at(place, "serve")
        with serving(shop):
            until(lambda: shop.json("history")[0]["outcome"] == "promoted" and shop.answers() == "1.0.0")
    assert len(automatic(shop)) == 1
    assert all("500 from 1.1.0-rotting" in failure for failure in user.failures)


def test_there_is_one_watch_for_an_environment(shop: Site) -> None:
    with serving(shop) as server:
        refused = shop.comporta("watch", expect=2)
        assert f"process {server.pid} does already" in refused.stderr
        assert "already" in shop.comporta("serve", expect=2).stderr
