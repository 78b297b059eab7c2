"""The command that deploys is stopped (SIGSTOP) in the middle: others get by it, and if it goes on, it does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
STOPPED = Path(__file__).parent.parent / "support" / "stopped.py"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop"), keep_failed="0s", keep_warm="0s") as made:
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


def stopped_at(shop: Site, place: str) -> subprocess.Popen[str]:
    """A deployment of 1.1.0 that stands still there."""
    running = subprocess.Popen(
        [sys.executable, str(STOPPED), place, "deploy", "1.1.0", "--yes"],
        cwd=shop.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while psutil.Process(running.pid).status() != psutil.STATUS_STOPPED:
        assert running.poll() is None
        time.sleep(0.02)
    return running


def elsewhere(shop: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """The command on a machine with another name, from which nobody can tell who lives here."""
    inside = 'hostname elsewhere && exec "$@"'
    return subprocess.run(
        ["unshare", "--uts", "sh", "-c", inside, "sh", *shop.command(*words)],
        cwd=shop.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_abort_ends_a_holder_that_stands_still_and_undoes_what_it_did(shop: Site) -> None:
    with User(shop.port) as user:
        stopped = stopped_at(shop, "writing do:check-health:after-intent")
        refused = shop.comporta("deploy", "1.2.0", "--yes", expect=4)
        assert f"process {stopped.pid}" in refused.stderr
        assert "`comporta abort`" in refused.stderr
        aborted = shop.comporta("abort")
        stopped.send_signal(signal.SIGCONT)
        assert stopped.wait(timeout=30) == -signal.SIGKILL
    assert f"ended process {stopped.pid}" in aborted.stdout
    assert shop.running() == {"1.0.0": INSTANCES}
    assert (shop.answers(), user.failures) == ("1.0.0", [])
    assert shop.json("history")[0]["outcome"] == "aborted"
    assert shop.json("status")["lease"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a machine another name")
def test_a_holder_whose_lease_was_taken_from_another_machine_does_nothing_more(shop: Site) -> None:
    """It stood still just before it would switch traffic, to instances that are gone when it goes on."""
    with User(shop.port) as user:
        stopped = stopped_at(shop, "do:shift-traffic:after-intent")
        unlocked = elsewhere(shop, "unlock")
        assert unlocked.returncode == 0, unlocked.stderr
        shop.comporta("abort")
        before = shop.json("history")
        stopped.send_signal(signal.SIGCONT)
        said, _ = stopped.communicate(timeout=30)
        assert shop.answers() == "1.0.0"
    assert stopped.returncode == 4, said
    assert "the lease of development was taken over" in said
    assert user.failures == []
    assert shop.json("history") == before
    assert shop.running() == {"1.0.0": INSTANCES}
    shop.comporta("deploy", "1.1.0", "--yes")
    assert shop.answers() == "1.1.0"
