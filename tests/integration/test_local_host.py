"""Telling the dead from the living: a lease is only taken over from a holder that certainly is gone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.local_host import LocalHost, started
from comporta.model.values import to_json


def test_this_process_is_alive():
    host = LocalHost()
    assert host.why_dead(host.me()) == ""


def test_a_process_that_ended_is_dead_also_while_nobody_has_reaped_it():
    host = LocalHost()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        holder = msgspec.structs.replace(host.me(), pid=child.pid, started=started(child.pid))
        assert host.why_dead(holder) == ""
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert "has ended" in host.why_dead(holder)
    assert "has ended" in host.why_dead(holder)


def test_another_process_under_the_same_number_does_not_pass_for_the_holder():
    host = LocalHost()
    assert "has ended" in host.why_dead(msgspec.structs.replace(host.me(), started=host.me().started - 3600))


def test_a_holder_from_before_the_last_boot_is_dead():
    host = LocalHost()
    assert "restarted" in host.why_dead(msgspec.structs.replace(host.me(), boot_id="another"))


def test_of_a_holder_on_another_machine_nothing_is_known():
    host = LocalHost()
    assert host.why_dead(msgspec.structs.replace(host.me(), host="elsewhere", pid=1)) == ""


def test_a_holder_that_stands_still_is_ended_for_good():
    host = LocalHost()
    with subprocess.Popen(["sleep", "60"]) as child:
        holder = msgspec.structs.replace(host.me(), pid=child.pid, started=started(child.pid))
        child.send_signal(signal.SIGSTOP)
        assert host.why_dead(holder) == ""
        assert host.end(holder) == ""
        assert "has ended" in host.why_dead(holder)
    assert host.end(holder) == ""


def test_a_process_that_has_the_number_of_a_holder_by_now_is_not_ended():
    host = LocalHost()
    with subprocess.Popen(["sleep", "60"]) as child:
        assert host.end(msgspec.structs.replace(host.me(), pid=child.pid, started=1.0)) == ""
        assert child.poll() is None
        child.kill()


def test_a_holder_on_another_machine_cannot_be_ended_from_here():
    host = LocalHost()
    assert "another machine" in host.end(msgspec.structs.replace(host.me(), host="elsewhere"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can show a process another time of its boot")
def test_a_clock_that_is_set_makes_no_living_holder_dead(tmp_path: Path):
    """The kernel then tells another time of its boot, and so another time of day at which the holder was started."""
    script = """
import psutil
from comporta.drivers.local_host import LocalHost
from comporta.model.values import from_json
from comporta.model.journal import Holder
import json, sys
print(psutil.boot_time(), LocalHost().why_dead(from_json(json.loads(sys.argv[1]), Holder)))
"""
    told = Path("/proc/stat").read_text()
    set_back = re.sub(r"btime (\d+)", lambda found: f"btime {int(found[1]) - 3600}", told)
    (tmp_path / "stat").write_text(set_back)
    holder = json.dumps(to_json(LocalHost().me()))
    inside = f'mount --bind {tmp_path}/stat /proc/stat && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", inside, "sh", sys.executable, "-c", script, holder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(psutil.boot_time() - 3600), done.stdout
