"""Telling the dead from the living: a lease is only taken over from a holder that certainly is gone."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import psutil

from comporta.drivers.local_host import LocalHost


def test_this_process_is_alive():
    host = LocalHost()
    assert host.why_dead(host.me()) == ""


def test_a_process_that_ended_is_dead_also_while_nobody_has_reaped_it():
    host = LocalHost()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        holder = msgspec.structs.replace(host.me(), pid=child.pid, started=psutil.Process(child.pid).create_time())
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
