"""The disk fills up, at any moment: traffic goes on, status can be read, and with space again all comes to an end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.site import Site, User, site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]
SIZE = "2m"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """1.0.0 serves, on a small disk of its own."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        with site(tmp_path) as made:
            with (tmp_path / "comporta.yml").open("a") as config:
                config.write("preflight: {disk: 0B}\n")
            made.comporta("deploy", "1.0.0", "--yes")
            yield made
            room(made)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(shop: Site) -> None:
    with (shop.folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            return


def room(shop: Site) -> None:
    (shop.folder / "filler").unlink(missing_ok=True)


def test_a_full_disk_hinders_a_deployment_but_neither_traffic_nor_status(shop: Site) -> None:
    fill(shop)
    with User(shop.port) as user:
        refused = shop.comporta("deploy", "1.1.0", "--yes", expect=3)
        assert "cannot use the journal" in refused.stderr
        assert shop.live() == "1.0.0"
        assert [d["version"] for d in shop.json("history")] == ["1.0.0"]
    assert user.failures == []
    room(shop)
    shop.comporta("deploy", "1.1.0", "--yes")
    assert shop.answers() == "1.1.0"


@pytest.mark.parametrize("step", ["set up", "start", "switch traffic"])
@pytest.mark.parametrize("settle", ["resume", "abort"])
def test_a_disk_that_fills_up_on_the_way_is_settled_once_there_is_room(shop: Site, step: str, settle: str) -> None:
    with User(shop.port) as user:
        running = shop.start("deploy", "1.1.0", "--yes")
        assert running.stdout
        for line in running.stdout:
            if ("check the router" if step == "set up" else step) in line:
                fill(shop)
        code = running.wait()
        assert "1.0.0" in shop.comporta("status").stdout
        room(shop)
        if code == 3:
            shop.comporta(settle, *(["--yes"] if settle == "resume" else []))
    assert user.failures == []
    assert shop.answers() == ("1.0.0" if code == 3 and settle == "abort" else "1.1.0")
    assert shop.json("status")["interrupted"] is None
