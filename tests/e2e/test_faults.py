"""What else may befall a machine that deploys: nothing users have is lost, it is told, and the next command works."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
TESTS = Path(__file__).parents[1]
DISTURBED = TESTS / "support" / "disturbed.py"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop"), keep_failed="0s", keep_warm="0s") as made:
        made.add_release("2.0.0-waiting", how="waiting")
        made.add_release("2.0.0-rotting", how="rotting")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def old(shop: Site) -> Site:
    """1.0.0 serves."""
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    return shop


def beneath(shop: Site, *above: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command under another program, or with more in its environment."""
    env = {**os.environ, "PYTHONPATH": str(TESTS), **environ}
    return subprocess.run(above, cwd=shop.folder, env=env, capture_output=True, text=True, check=False)


def disturbed(shop: Site, place: str, disturbance: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, with lines of shell that run when it comes there."""
    return shop.disturbed(place, ["sh", "-c", disturbance], *words)


def serves_untouched(shop: Site) -> None:
    """1.0.0, and nothing is left of anything else."""
    assert (shop.live(), shop.answers(), shop.running()) == ("1.0.0", "1.0.0", {"1.0.0": INSTANCES})
    status = shop.json("status")
    assert (status["lease"], status["interrupted"]) == (None, None)


def deploys(shop: Site) -> None:
    shop.comporta("deploy", "1.1.0", "--yes")
    assert shop.answers() == "1.1.0"


# The state folder


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    for words in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
        subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@as_root
def test_with_a_state_folder_that_is_read_only_nothing_is_begun_and_status_is_told(old: Site) -> None:
    state = old.folder / ".comporta"
    with User(old.port) as user, read_only(state):
        assert old.live() == "1.0.0"
        assert old.json("history")
        for words in (["deploy", "1.1.0", "--yes"], ["rollback", "--to", "1.0.0", "--yes"]):
            refused = old.comporta(*words, expect=3)
            assert f"cannot use the journal {state}/journal.db" in refused.stderr
            assert "give the disk space, this user the folder or file" in refused.stderr
    assert user.failures == []
    serves_untouched(old)
    deploys(old)


@as_root
def test_one_that_becomes_read_only_on_the_way_is_an_incident_that_one_command_settles(old: Site) -> None:
    """What is open already can be written still: the journal, but neither the switch nor who sits in a slot."""
    state = old.folder / ".comporta"
    mount = f"mount --bind {state} {state} && mount -o remount,ro,bind {state}"
    with User(old.port) as user:
        done = disturbed(old, "do:check-health:after-intent", mount, "deploy", "1.1.0", "--yes")
        status = old.comporta("status").stdout
        subprocess.run(["umount", str(state)], check=True)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "Read-only file system" in done.stderr
        assert "put it right, then `comporta abort" in status
        old.comporta("abort")
    assert user.failures == []
    serves_untouched(old)


@as_root
def test_a_state_folder_of_another_user_is_named(old: Site) -> None:
    with User(old.port) as user:
        inside = 'chown 1 .comporta/journal.db && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
        done = beneath(old, "sh", "-c", inside, "sh", *old.command("deploy", "1.1.0", "--yes"))
        os.chown(old.folder / ".comporta/journal.db", 0, 0)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "journal.db" in done.stderr
    assert "this user the folder or file" in done.stderr
    assert user.failures == []
    serves_untouched(old)


# What the process gets of the machine


@pytest.mark.parametrize("limit", ["8:8", "20:20"])
def test_too_few_file_descriptors_leave_nothing_half_live(old: Site, limit: str) -> None:
    with User(old.port) as user:
        done = beneath(old, "prlimit", f"--nofile={limit}", *old.command("deploy", "1.1.0", "--yes"))
        assert "Traceback" not in done.stderr
        assert done.returncode in (1, 3)
        assert re.search("file descriptors|open files|cannot use the journal", done.stderr), done.stderr
        if old.json("status")["interrupted"]:
            old.comporta("abort")
    assert user.failures == []
    serves_untouched(old)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace slows the disk down")
def test_a_disk_that_takes_its_time_delays_and_loses_nothing(old: Site) -> None:
    slow = ("strace", "-o", "/dev/null", "-e", "trace=fsync,fdatasync")
    delay = ("-e", "inject=fsync,fdatasync:delay_enter=200000")
    with User(old.port) as user:
        done = beneath(old, *slow, *delay, *old.command("deploy", "1.1.0", "--yes"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert user.failures == []
    assert old.answers() == "1.1.0"
    assert old.json("status")["lease"] is None


def test_a_port_that_somebody_takes_before_the_instance_does_is_told_and_costs_no_request(old: Site) -> None:
    slot = "green" if old.json("status")["live"]["slot"] == "blue" else "blue"
    with User(old.port) as user, socket.socket() as thief:
        running = old.start("deploy", "2.0.0-waiting", "--yes")
        while old.running().get("2.0.0-waiting") != INSTANCES:
            time.sleep(0.02)
        stolen = old.json("status")["slots"][slot]["instances"][0]["address"]
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of who had it before may linger
        thief.bind(("127.0.0.1", int(stolen.rpartition(":")[2])))
        thief.listen()
        (old.folder / "go").touch()
        printed, _ = running.communicate(timeout=120)
    (old.folder / "go").unlink()
    assert running.returncode == 1, printed
    assert "Address already in use" in printed
    assert user.failures == []
    serves_untouched(old)


# The clock

FAKETIME = next(iter([*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]), None)
faked = pytest.mark.skipif(FAKETIME is None, reason="the package faketime sets clocks")


def at(clock: str) -> dict[str, str]:
    """The environment of a process whose time of day is another, and changes with the file."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": f"{TESTS}:{TESTS / 'support/faked_clock'}",
    }


@faked
def test_a_clock_that_is_set_forward_in_the_soak_promotes_nothing_early(old: Site) -> None:
    """The release turns bad right after: it is noticed only by who still watches."""
    old.stabilize = "6s"
    old.write_config()
    clock = old.folder / "clock"
    clock.write_text("+0")
    set_it = f"echo +1h > {clock}; touch {old.folder}/rotten"
    command = [sys.executable, str(DISTURBED), "do:watch-traffic:after-intent", json.dumps(["sh", "-c", set_it])]
    try:
        with User(old.port) as user:
            done = beneath(old, *command, "deploy", "2.0.0-rotting", "--yes", **at(str(clock)))
    finally:
        old.stabilize = "200ms"
        old.write_config()
        (old.folder / "rotten").unlink(missing_ok=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "rolled-back: 2.0.0-rotting" in done.stdout
    assert all("500 from 2.0.0-rotting" in failure for failure in user.failures)
    serves_untouched(old)


@faked
def test_a_deployment_is_finished_by_a_command_whose_clock_is_an_hour_behind(old: Site) -> None:
    clock = old.folder / "clock"
    clock.write_text("-1h")
    with User(old.port) as user:
        old.killed_at("do:watch-traffic:after-intent", "deploy", "1.1.0", "--yes")
        done = beneath(old, *old.command("resume", "--yes"), **at(str(clock)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert user.failures == []
    assert old.answers() == "1.1.0"
    assert old.json("history")[0]["seconds"] >= 0
    assert old.json("status")["lease"] is None


# The router


KILL = "master=$(cat .comporta/development/nginx/nginx.pid); kill -9 $master $(pgrep -P $master)"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("do:check-health:after-intent", "cannot shift: nginx does not run"),
        ("do:shift-traffic:after-effect", "cannot get the service healthy"),
    ],
)
def test_an_nginx_that_is_killed_on_the_way_is_told_and_brought_back(old: Site, place: str, told: str) -> None:
    done = disturbed(old, place, KILL, "deploy", "1.1.0", "--yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert told in done.stderr
    assert "how many were lost is not known, as the proxy was down in between" in done.stdout + done.stderr
    assert old.json("history", "--limit", "1")[0]["figures"]["lost"] is None
    with User(old.port) as user:
        serves_untouched(old)
        deploys(old)
    assert user.failures == []


def test_an_nginx_that_is_killed_past_the_point_of_no_return_is_brought_back_too(old: Site) -> None:
    done = disturbed(old, "do:stop-instances:after-effect", KILL, "deploy", "1.1.0", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "how many were lost is not known" in done.stdout
    assert (old.live(), old.answers()) == ("1.1.0", "1.1.0")


def test_a_router_file_that_is_edited_on_the_way_is_kept_and_told(old: Site) -> None:
    (config,) = (old.folder / ".comporta/development/nginx").rglob("nginx.conf")
    with User(old.port) as user:
        done = disturbed(old, "do:check-health:after-intent", f"echo '# mine' >> {config}", "deploy", "1.1.0", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"changed by hand: {config}" in old.comporta("status").stdout
        text = config.read_text()
        assert text.endswith("# mine\n")
        assert "put the file back" in old.comporta("deploy", "1.2.0", "--yes", expect=3).stderr
        config.write_text(text.removesuffix("# mine\n"))
        old.comporta("deploy", "1.0.0", "--yes")
    assert user.failures == []
