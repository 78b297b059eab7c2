"""An engine that is restarted in the middle of a deployment; its containers live on (`live-restore`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from support.docker_site import DockerSite, Reader
from support.private_engine import PrivateEngine, private_engine
from support.site import taken_down

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

STEPS = ["start-instances", "check-health", "shift-traffic", "watch-traffic", "keep-warm"]


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine(live_restore=True) as engine:
        yield engine


@pytest.fixture(scope="module")
def shop(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerSite]:
    site = DockerSite(tmp_path_factory.mktemp("shop"), keep_failed="0s", further=f"engine: {engine.url}")
    with taken_down(site) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.mark.parametrize("step", STEPS)
def test_a_restart_in_the_middle_of_a_step_ends_with_one_release_that_serves_whole_and_needs_no_person(
    shop: DockerSite, engine: PrivateEngine, step: str
) -> None:
    revived = threading.Thread(target=engine.revive)
    revived.start()
    done = shop.disturbed(f"do:{step}:after-intent", engine.ending, "deploy", "1.1.0", "--yes")
    revived.join()
    assert done.returncode in (0, 1), done.stdout + done.stderr
    seen = shop.json("status")
    assert seen["live"]["version"] == ("1.0.0" if done.returncode else "1.1.0")
    serving = seen["slots"][seen["live"]["slot"]]["instances"]
    assert [instance["state"] for instance in serving] == ["running", "running"]
    with Reader(shop.port) as reader:
        shop.comporta("deploy", "1.0.0", "--yes")
    assert reader.failures == []
