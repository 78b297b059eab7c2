"""A failed candidate runs on without users: told by the command and by `status`, asked directly, replaced, expired."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SICK = "2.0.0-sick"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        made.add_release(SICK, how="sick")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


def fails(shop: Site, *options: str) -> subprocess.CompletedProcess[str]:
    """The sick version is deployed, and given up after a second."""
    shop.health_timeout = "1s"
    shop.write_config()
    try:
        return shop.comporta("deploy", SICK, "--yes", *options, expect=1)
    finally:
        shop.health_timeout = "20s"
        shop.write_config()


def version_at(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.headers["X-App-Version"])
    except urllib.error.HTTPError as error:
        return str(error.headers["X-App-Version"])


def test_it_can_be_asked_and_read_until_the_next_deployment_takes_its_place(shop: Site) -> None:
    with User(shop.port) as user:
        said = fails(shop).stderr
        assert f"kept: {SICK} is kept for a look until" in said
        urls = re.findall(r"http://[\d.:]+", said.partition("ask it: ")[2])
        assert [version_at(url) for url in urls] == [SICK] * INSTANCES
        (logs,) = re.findall(r"read it: `comporta (logs [^`]*)`", said)
        assert "listening" in shop.comporta(*logs.split()).stdout
        status = shop.comporta("status").stdout
        assert "(failed)" in status
        assert urls[0] in status
        assert shop.running() == {"1.0.0": INSTANCES, SICK: INSTANCES}
        shop.comporta("deploy", "1.1.0", "--yes")
    assert user.failures == []
    assert set(user.answers) == {"1.0.0", "1.1.0"}
    assert shop.running() == {"1.0.0": INSTANCES, "1.1.0": INSTANCES}


def test_the_same_version_again_fails_again_and_starts_afresh(shop: Site) -> None:
    def deployed() -> tuple[str, set[int]]:
        kept = json.loads(fails(shop, "--json").stdout)["kept"]
        state = shop.json("status")["slots"][kept["slot"]]
        assert state["occupant"]["failed"] is True
        return kept["until"], {instance["pid"] for instance in state["instances"]}

    (first, before), (second, after) = deployed(), deployed()
    assert first < second
    assert before.isdisjoint(after)


def test_it_expires_by_itself(shop: Site) -> None:
    shop.keep_failed = "1s"  # not before its last requests may have been answered: `blue_green.drain`, 5 s
    fails(shop)
    assert shop.running()[SICK] == INSTANCES
    deadline = time.monotonic() + 60
    while SICK in shop.running():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "empty" in shop.comporta("status").stdout
    assert shop.answers() == "1.0.0"


def test_what_was_warm_comes_back_instead(shop: Site) -> None:
    shop.comporta("deploy", "1.1.0", "--yes")
    assert "kept:" not in fails(shop).stderr
    assert shop.running() == {"1.0.0": INSTANCES, "1.1.0": INSTANCES}
