"""The command as users run it, on a real service behind a real nginx: what it does, says, and exits with."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from comporta.load.free_ports import free_ports
from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop"), keep_failed="0s") as made:
        made.add_release("2.0.0-sick", how="sick")
        made.add_release("2.0.0-crashing", how="crashing")
        made.add_release("2.0.0-failing", how="failing")
        made.add_release("2.0.0-waiting", how="waiting")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def old(shop: Site) -> Site:
    """1.0.0 serves, and nothing is kept warm that a test has not asked for."""
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    return shop


def tree(folder: Path) -> dict[str, tuple[float, int]]:
    """Every file with its time and size, but for what the running parts write by themselves."""
    return {
        str(path): (path.lstat().st_mtime, path.lstat().st_size)
        for path in folder.rglob("*")
        if path.suffix not in (".log", ".db-wal", ".db-shm", ".pyc") and not path.is_dir()
    }


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_plan_prints_both_directions_and_changes_nothing(old: Site) -> None:
    before = tree(old.folder)
    printed = old.comporta("plan", "1.1.0").stdout
    assert "switch traffic to 1.1.0" in printed
    assert "undo: switch traffic back to 1.0.0" in printed
    assert printed.endswith("Nothing was changed.\n")
    assert tree(old.folder) == before
    assert old.json("history")[0]["version"] != "1.1.0"


def test_a_version_that_serves_already_is_said_so(old: Site) -> None:
    before = len(old.json("history"))
    assert "1.0.0 (release 1) serves already" in old.comporta("deploy", "1.0.0", "--yes").stdout
    assert len(old.json("history")) == before


def test_deploy_and_roll_back_lose_no_request(old: Site) -> None:
    with User(old.port) as user:
        there = old.comporta("deploy", "1.1.0", "--yes", "--reason", "new colours").stdout
        back = old.comporta("rollback", "--yes").stdout
    assert "promoted: 1.1.0" in there
    assert ", 0 lost" in there
    assert "rolled back to 1.0.0" in back
    assert user.failures == []
    assert set(user.answers) == {"1.0.0", "1.1.0"}
    assert old.answers() == "1.0.0"
    newest, before = old.json("history")[:2]
    assert (newest["strategy"], before["reason"]) == ("rollback", "new colours")


def test_a_rollback_to_a_release_that_is_not_warm_starts_it_again(old: Site) -> None:
    for version in ("1.1.0", "1.2.0"):
        old.comporta("deploy", version, "--yes")
    with User(old.port) as user:
        done = old.comporta("rollback", "--to", "1.0.0", "--yes").stdout
    assert f"start {INSTANCES} instances of 1.0.0" in done
    assert user.failures == []
    assert old.answers() == "1.0.0"


def test_a_release_that_never_gets_healthy_is_refused_with_the_evidence(old: Site) -> None:
    old.health_timeout = "1s"
    old.write_config()
    try:
        with User(old.port) as user:
            done = old.comporta("deploy", "2.0.0-sick", "--yes", expect=1)
    finally:
        old.health_timeout = "20s"
        old.write_config()
    assert "check 'api' failed" in done.stderr
    assert "/health" in done.stderr
    assert "last answer: status 500, wanted 2xx" in done.stderr
    assert "listening" in done.stderr
    assert "aborted: 2.0.0-sick" in done.stdout
    assert "1.0.0 serves" in done.stdout
    assert user.failures == []
    assert set(user.answers) == {"1.0.0"}


def test_a_release_that_crashes_is_refused_before_the_timeout_with_its_last_words(old: Site) -> None:
    done = old.comporta("deploy", "2.0.0-crashing", "--yes", expect=1)
    assert "exit code 7" in done.stderr
    assert r"cannot find the settings\u001b[2J" in done.stderr, "it wanted to clear the screen"
    assert old.answers() == "1.0.0"


def test_a_release_that_fails_under_traffic_is_switched_back(old: Site) -> None:
    old.stabilize = "2s"
    old.write_config()
    try:
        with User(old.port) as user:
            done = old.comporta("deploy", "2.0.0-failing", "--yes", expect=1)
    finally:
        old.stabilize = "200ms"
        old.write_config()
    assert "requests failed" in done.stderr
    assert "switched in" in done.stdout.splitlines()[-1]
    assert "rolled-back: 2.0.0-failing" in done.stdout
    assert all("500 from 2.0.0-failing" in failure for failure in user.failures)
    assert old.answers() == "1.0.0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_undoes_and_exits_with_130(old: Site, number: signal.Signals) -> None:
    with User(old.port) as user:
        running = old.start("deploy", "2.0.0-waiting", "--yes")
        until(lambda: old.running().get("2.0.0-waiting") == INSTANCES)
        running.send_signal(number)
        printed, _ = running.communicate(timeout=60)
    assert running.returncode == 130, printed
    assert "undoing deployment" in printed
    assert "↩ [2/11] undo: stop" in printed
    assert old.running().get("2.0.0-waiting") is None
    assert (old.answers(), user.failures) == ("1.0.0", [])
    assert old.json("history")[0]["outcome"] == "aborted"


def test_a_second_interruption_leaves_it_to_resume_or_abort(old: Site) -> None:
    old.stabilize = "60s"
    old.write_config()
    try:
        running = old.start("deploy", "1.1.0", "--yes")
        until(lambda: old.answers() == "1.1.0")
        for process in psutil.Process(running.pid).children(recursive=True):
            assert process.is_running()
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=30)
    finally:
        old.stabilize = "200ms"
        old.write_config()
    refused = old.comporta("deploy", "1.2.0", "--yes", expect=3)
    assert "was interrupted" in refused.stderr
    old.comporta("abort")
    assert old.answers() == "1.0.0"


def test_the_second_of_two_deployments_is_told_who_is_at_it(old: Site) -> None:
    first = old.start("deploy", "2.0.0-waiting", "--yes")
    until(lambda: "2.0.0-waiting" in old.running())
    second = old.comporta("deploy", "1.2.0", "--yes", expect=4)
    waiting = old.start("deploy", "1.1.0", "--yes", "--wait", "60")
    go = old.folder / "go"
    go.touch()
    try:
        told = [each.communicate(timeout=60)[0] for each in (first, waiting)]
    finally:
        go.unlink()
    assert (first.returncode, waiting.returncode) == (0, 0), told
    assert f"process {first.pid}" in second.stderr
    assert "deployment" in second.stderr  # what it is at
    assert old.answers() == "1.1.0"


def test_abort_from_another_terminal_stops_a_deployment(old: Site) -> None:
    running = old.start("deploy", "2.0.0-waiting", "--yes")
    until(lambda: "2.0.0-waiting" in old.running())
    old.comporta("abort", "--reason", "wrong one")
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 1, printed
    assert "wrong one" in old.json("history")[0]["cause"]
    assert old.answers() == "1.0.0"


def test_without_a_terminal_and_without_yes_nothing_is_begun(old: Site) -> None:
    before = old.json("history")
    done = old.comporta("deploy", "1.1.0", expect=1)
    assert "cannot ask for confirmation" in done.stderr
    assert "--yes" in done.stderr
    assert (old.json("history"), old.answers()) == (before, "1.0.0")


def test_at_a_terminal_it_asks_and_shows_each_step_once(old: Site) -> None:
    mine, its = os.openpty()
    running = subprocess.Popen(old.command("deploy", "1.1.0"), cwd=old.folder, stdin=its, stdout=its, stderr=its)
    os.close(its)
    printed = ""
    while "[y/N]" not in printed:
        printed += os.read(mine, 4096).decode(errors="replace")
    os.write(mine, b"y\n")
    with suppress(OSError):  # the end of a terminal
        while more := os.read(mine, 4096):
            printed += more.decode(errors="replace")
    os.close(mine)
    assert running.wait() == 0
    assert old.answers() == "1.1.0"
    assert "\\[" not in printed
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed)
    assert plain.count("✓ [5/11] ask for confirmation") == 1


def test_what_a_failed_release_wrote_is_read_with_the_command_that_the_error_names(old: Site) -> None:
    old.comporta("deploy", "1.1.0", "--yes")  # so that 1.0.0 is warm, and comes back into its slot
    done = old.comporta("deploy", "2.0.0-crashing", "--yes", expect=1)
    (command,) = re.findall(r"`comporta (logs [^`]*)`", done.stderr)
    assert "cannot find the settings" in old.comporta(*command.split(), "--previous").stdout
    old.comporta("rollback", "--yes")


def test_a_changed_config_is_deployed_though_the_version_serves(old: Site) -> None:
    (free,) = range(first := free_ports(1), first + 1)
    config, before = old.folder / "comporta.yml", old.port
    text = config.read_text()
    config.write_text(text.replace(f"localhost:{before}", f"localhost:{free}"))
    try:
        assert f"127.0.0.1:{before}" in old.comporta("status").stdout  # where it serves, not where it will
        assert "promoted: 1.0.0" in old.comporta("deploy", "1.0.0", "--yes").stdout
        assert f"127.0.0.1:{free}" in old.comporta("status").stdout
        old.port = free
        assert old.answers() == "1.0.0"
    finally:
        config.write_text(text)
        old.port = before
    old.comporta("deploy", "1.0.0", "--yes")
    assert old.answers() == "1.0.0"


def test_after_a_reboot_one_command_brings_back_what_was_live(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        for version in ("1.0.0", "1.1.0"):
            shop.comporta("deploy", version, "--yes")
        shop.cut_power()
        status = shop.comporta("status").stdout
        assert "`comporta deploy 1.1.0` brings it back" in status
        shop.comporta("deploy", "1.1.0", "--yes")
        assert shop.answers() == "1.1.0"
        assert "next:" not in shop.comporta("status").stdout
        shop.comporta("down", "--yes")
        assert "`comporta deploy 1.1.0` brings back what served last" in shop.comporta("status").stdout


def test_with_json_there_is_one_document_and_nothing_else(old: Site) -> None:
    for words in (["status"], ["history"], ["health"], ["plan", "1.1.0"], ["deploy", "1.0.0", "--yes"], ["show", "1"]):
        assert old.json(*words)
    for words, code in ((["deploy", "9", "--yes"], 2), (["show", "999"], 2), (["resume"], 2), (["deploy", "1.1.0"], 1)):
        assert json.loads(old.comporta(*words, "--json", expect=code).stdout)["exit_code"] == code


def test_advice_names_the_environment_and_the_config_it_is_about(old: Site, tmp_path: Path) -> None:
    text = (old.folder / "comporta.yml").read_text().replace("  development:", "  production:")
    (tmp_path / "my site.yml").write_text(text)
    done = old.comporta("resume", "-e", "production", "-c", str(tmp_path / "my site.yml"), expect=2)
    assert f"`comporta status -e production -c '{tmp_path}/my site.yml'`" in done.stderr


def test_a_locked_environment_is_left_alone_until_it_is_unlocked(old: Site) -> None:
    old.comporta("lock", "-m", "audit today")
    refused = old.comporta("deploy", "1.1.0", "--yes", expect=4)
    assert "audit today" in refused.stderr
    assert "comporta unlock" in refused.stderr
    old.comporta("unlock")
    old.comporta("deploy", "1.1.0", "--yes")


def test_an_instance_that_dies_in_service_is_seen_and_restarted(old: Site) -> None:
    (victim, *_) = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(old.folder / "releases/1.0.0")]
    victim.kill()
    until(lambda: old.running()["1.0.0"] == INSTANCES)
    until(lambda: all(i["state"] == "running" for i in old.json("status")["slots"][_live(old)]["instances"]))
    assert sum(i.get("restarts", 0) for i in old.json("status")["slots"][_live(old)]["instances"]) >= 1


def _live(shop: Site) -> str:
    slot: str = shop.json("status")["live"]["slot"]
    return slot


def test_health_logs_history_and_show_tell_what_there_is(old: Site) -> None:
    assert old.json("health")["healthy"] is True
    assert "listening" in old.comporta("logs", "-n", "5").stdout
    number = old.json("history", "-n", "1")[0]["deployment"]
    shown = old.comporta("show", str(number)).stdout
    assert "finished" in shown
    assert old.json("status")["live"]["version"] == "1.0.0"
    assert "not-a-verb" in old.comporta("not-a-verb", expect=2).stderr


def test_a_router_changed_by_hand_is_never_overwritten(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        shop.comporta("deploy", "1.0.0", "--yes")
        (config,) = (tmp_path / ".comporta/development/nginx").rglob("nginx.conf")
        text = config.read_text()
        config.write_text(text + "\n# mine\n")
        refused = shop.comporta("deploy", "1.1.0", "--yes", expect=3)
        assert "nginx.conf" in refused.stderr
        assert config.read_text().endswith("# mine\n")
        config.write_text(text)
        shop.comporta("deploy", "1.1.0", "--yes")


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    with site(tmp_path) as shop, socket.socket() as squatter:
        squatter.bind(("127.0.0.1", shop.port))
        squatter.listen()
        refused = shop.comporta("deploy", "1.0.0", "--yes", expect=1)
        assert str(shop.port) in refused.stderr
        assert str(os.getpid()) in refused.stderr
        assert shop.running() == {}


def test_down_leaves_nothing_and_the_history(tmp_path: Path) -> None:
    with site(tmp_path, keep_warm="0s") as shop:
        shop.comporta("deploy", "1.0.0", "--yes")
        shop.comporta("deploy", "1.1.0", "--yes")
        assert set(shop.running()) == {"1.1.0"}
        said = shop.comporta("down", "--yes").stdout
        assert "stop blue" in said
        assert "stop green" in said
        assert shop.leftovers() == []
        assert [d["version"] for d in shop.json("history")] == ["1.1.0", "1.0.0"]
        assert shop.live() is None
        shop.comporta("deploy", "1.1.0", "--yes")
        assert shop.answers() == "1.1.0"


def test_other_users_can_read_nothing_of_users_or_secrets(old: Site) -> None:
    def open_to_others(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            mode = path.stat().st_mode
            if path.is_dir() and mode & 0o001:
                yield from open_to_others(path)
            elif not path.is_dir() and mode & 0o006:
                yield path.relative_to(old.folder)

    nginx = Path(".comporta/development/nginx")
    # The log has the time, the status and how long each request took; which slot serves is no secret.
    harmless = {nginx / "access.log", nginx / "nginx.pid"}
    found = {path for path in open_to_others(old.folder / ".comporta") if path.parent != nginx / "traffic"}
    assert found <= harmless


def test_a_state_folder_where_everybody_may_write_is_not_trusted(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        state = tmp_path / ".comporta"
        state.mkdir(mode=0o700)
        state.chmod(0o777)
        assert f"chmod o-w {state}" in shop.comporta("deploy", "1.0.0", "--yes", expect=2).stderr
        assert list(state.iterdir()) == []


def test_a_bad_config_is_one_clear_error(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        config = tmp_path / "comporta.yml"
        config.write_text(config.read_text().replace("instances: 2", "instances: two"))
        done = subprocess.run(shop.command("deploy", "1.0.0"), cwd=tmp_path, capture_output=True, text=True)
        shop.write_config()
    assert done.returncode == 2
    assert "comporta.yml:" in done.stderr
    assert "Traceback" not in done.stderr
