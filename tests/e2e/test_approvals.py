"""A deployment that waits for somebody else's approval, as two people see it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.site import Site, User, site

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """1.0.0 serves, and from now on every deployment wants an approval. Ada acts."""
    with site(tmp_path) as made:
        monkeypatch.delenv("SUDO_USER", raising=False)
        monkeypatch.setenv("LOGNAME", "ada")
        made.comporta("deploy", "1.0.0", "--yes")
        with (made.folder / "comporta.yml").open("a") as config:
            config.write("approvals: 1\napproval_timeout: 60s\n")
        yield made


@contextmanager
def asked(shop: Site, version: str = "1.1.0") -> Iterator[subprocess.Popen[str]]:
    """The deployment, which waits as number 2."""
    process = shop.start("deploy", version, "--yes")
    try:
        while not shop.json("status")["waiting"]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_plan_says_how_many_must_approve(shop: Site) -> None:
    assert "approvals: 1\n" in shop.comporta("plan", "1.1.0").stdout
    assert shop.json("plan", "1.1.0")["approvals"] == 1
    assert shop.json("plan", "1.1.0", "--strategy", "emergency")["approvals"] == 0


def test_it_goes_on_once_somebody_else_has_approved_it(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with User(shop.port) as user, asked(shop) as process:
        status = shop.comporta("status").stdout
        assert "waits   deployment 2: 1.1.0 by ada, for an approval" in status
        assert "`comporta approve 2`" in status
        assert shop.json("status")["lease"] is None
        assert "waits" in shop.comporta("history").stdout
        [waiting] = shop.json("status")["waiting"]
        assert (waiting["deployment"], waiting["approval"]["waits"], waiting["outcome"]) == (2, True, None)
        assert "ada asked for it" in shop.comporta("approve", "2", expect=1).stderr
        assert shop.live() == "1.0.0"
        monkeypatch.setenv("LOGNAME", "bob")
        assert "goes on by itself" in shop.comporta("approve", "2", "--reason", "reviewed").stdout
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
    assert "approved by bob" in out
    assert user.failures == []
    assert shop.live() == "1.1.0"
    told = shop.json("show", "2")
    assert (told["actor"], told["approval"]["by"], told["outcome"]) == ("ada", ["bob"], "promoted")
    [approval] = [record for record in told["records"] if record["kind"] == "approved"]
    assert (approval["actor"], approval["data"]) == ("bob", {"reason": "reviewed"})
    assert approval["hash"]
    shop.comporta("audit", "verify")
    assert "approved" in shop.comporta("show", "2").stdout
    shop.comporta("rollback", "--yes")
    assert shop.live() == "1.0.0"


def test_rejected_interrupted_or_killed_it_changes_nothing(shop: Site) -> None:
    with asked(shop) as process:
        shop.comporta("reject", "2", expect=2)
        shop.comporta("reject", "2", "--reason", "not on a Friday")
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "rejected by ada: not on a Friday" in out
    with asked(shop) as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    assert "nothing was changed" in out
    with asked(shop) as process:
        process.kill()
        process.wait()
        assert shop.json("status")["waiting"] == []
    assert shop.json("status")["interrupted"] is None
    assert shop.running() == {"1.0.0": shop.instances}
    newest = shop.json("history")
    assert [(made["deployment"], made["outcome"]) for made in newest[:3]] == [(n, "aborted") for n in (4, 3, 2)]
    causes = json.dumps([made["cause"] for made in newest])
    assert all(word in causes for word in ("has ended", "Ctrl-C", "not on a Friday"))
    shop.comporta("deploy", "1.1.0", "--yes", "--strategy", "emergency")
    assert shop.live() == "1.1.0"
