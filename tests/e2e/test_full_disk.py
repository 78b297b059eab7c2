"""The disk fills up, at any moment: traffic goes on, status can be read, and with space again all comes to an end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from comporta.model.errors import EXIT_INCIDENT
from support.site import INSTANCES, Site, User, site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]
SIZE = "24m"
SHARE = 4
"""One point of so many."""
FILLING = ["sh", "-c", "cat /dev/zero > filler 2> /dev/null || true"]


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


@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_at_any_point_is_settled_once_there_is_room(shop: Site) -> None:
    """The journal finds room for some more records where it grew before; then something else does not."""
    points = shop.points("deploy", "1.1.0", "--yes")
    assert len(points) > 2 * SHARE
    live = "1.1.0"
    for turn, place in enumerate(points[::SHARE]):
        to = "1.0.0" if live == "1.1.0" else "1.1.0"
        with User(shop.port) as user:
            done = shop.disturbed(place, FILLING, "deploy", to, "--yes")
            assert "Traceback" not in done.stdout + done.stderr, place
            status = shop.json("status")
            room(shop)
            undone = bool(turn % 2) or (done.returncode == EXIT_INCIDENT and status["interrupted"] is None)
            if done.returncode == EXIT_INCIDENT:
                assert "No space left on device" in done.stderr or "disk is full" in done.stderr, place
                shop.comporta(*(["abort"] if undone else ["resume", "--yes"]))
        assert user.failures == [], place
        assert done.returncode in (0, EXIT_INCIDENT), place
        live = live if undone and done.returncode else to
        assert (shop.live(), shop.answers()) == (live, live), place
        assert shop.running() == {"1.0.0": INSTANCES, "1.1.0": INSTANCES}, place
        after = shop.json("status")
        assert (after["interrupted"], after["lease"]) == (None, None), place
