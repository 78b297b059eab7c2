"""`comporta prune` as people run it: it shows, asks, removes; killed, it goes on; and the way back still works."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.docker_site import DockerSite, docker_site
from support.docker_world import docker
from support.site import Site, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

VERSIONS = ("1.0.0", "1.1.0", "1.2.0")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """Each version served; one besides the live one is to stay, and nothing is warm."""
    with site(tmp_path, keep_warm="0s") as made:
        config = made.folder / "comporta.yml"
        config.write_text(config.read_text().replace("stop_grace: 3s", "stop_grace: 3s\n    keep_releases: 1"))
        made.add_release("1.3.0")  # never deployed
        for number in range(500):
            (made.folder / "releases/1.0.0" / str(number)).write_text("much to remove")
        for version in VERSIONS:
            made.comporta("deploy", version, "--yes")
        yield made


def folders(shop: Site) -> list[str]:
    return sorted(os.listdir(shop.folder / "releases"))


def kill_in_the_middle(shop: Site) -> None:
    half_gone = shop.folder / "releases/.1.0.0.pruned"
    running = shop.start("prune", "--yes")
    while not half_gone.exists() and running.poll() is None:
        time.sleep(0.001)
    running.kill()
    running.communicate()


def test_it_asks_first_goes_on_after_a_kill_and_the_way_back_still_works(shop: Site) -> None:
    told = shop.comporta("prune", "--dry-run").stdout
    assert "the folder of 1.0.0 (releases/1.0.0): " in told
    assert "These stay: 1.2.0, 1.1.0." in told
    assert "give --yes" in shop.comporta("prune", expect=1).stderr, "nobody can be asked"
    assert folders(shop) == [*VERSIONS, "1.3.0"]
    kill_in_the_middle(shop)
    assert "1.0.0" not in folders(shop), "from the first moment on it is no release"
    rest = shop.json("prune", "--yes")
    assert [leftover["version"] for leftover in rest["removed"]] in (["1.0.0"], [])
    assert folders(shop) == [*VERSIONS[1:], "1.3.0"]
    assert "nothing to remove" in shop.comporta("prune", "--yes").stdout
    shop.comporta("rollback", "--yes")
    assert shop.answers() == "1.1.0"
    assert "its folder" in shop.comporta("rollback", "--to", "1.0.0", "--yes", expect=2).stderr
    shop.comporta("audit", "verify")


def images(shop: DockerSite) -> set[str]:
    tags = docker("images", "--filter", f"label=test.service={shop.service}", "--format", "{{.Repository}}:{{.Tag}}")
    return {tag.rpartition(":")[2] for tag in tags.split() if tag.startswith(f"{shop.service}:")}


def test_images_go_by_themselves_after_a_deployment_and_the_way_back_still_works(tmp_path: Path) -> None:
    with docker_site(tmp_path) as shop:
        shop.further, shop.keep_warm = "keep_images: 1", "0s"
        shop.write_config()
        for version in VERSIONS:
            shop.comporta("deploy", version, "--yes")
        assert images(shop) == {*VERSIONS[1:]}
        assert shop.json("prune", "--dry-run")["removed"] == []
        shop.comporta("rollback", "--yes")
        assert shop.live() == "1.1.0"
        assert "is gone" in shop.comporta("rollback", "--to", "1.0.0", "--yes", expect=2).stderr
