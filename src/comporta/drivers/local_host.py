"""This machine and this process, as holders of leases."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import time
from functools import cache
from pathlib import Path

import psutil

from comporta.model.journal import Holder

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STAT = "/proc/{}/stat"
STARTED = 22
"""Which field of a process's stat says when it was started, counted as proc(5) does."""
START_TOLERANCE = 2.0
"""Seconds that two readings of a process's start may differ, where they are estimated."""
END_WITHIN = 5.0


class LocalHost:
    """Implements the Host port."""

    def me(self) -> Holder:
        return _me()

    def why_dead(self, holder: Holder) -> str:
        mine = _me()
        if holder.host != mine.host:
            return ""
        if holder.boot_id != mine.boot_id:
            return f"{holder.host} was restarted since"
        try:
            process = psutil.Process(holder.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            same = abs(started(holder.pid) - holder.started) < START_TOLERANCE
        except psutil.NoSuchProcess:
            alive = same = False
        except psutil.AccessDenied:
            return ""
        return "" if alive and same else f"its process {holder.pid} has ended"

    def end(self, holder: Holder) -> str:
        if holder.host != _me().host:
            return "it is on another machine"
        if self.why_dead(holder):
            return ""
        try:
            os.kill(holder.pid, signal.SIGKILL)
        except ProcessLookupError:
            return ""
        except PermissionError:
            return "it is another user's"
        deadline = time.monotonic() + END_WITHIN
        while not self.why_dead(holder):
            if time.monotonic() >= deadline:
                return "it waits for a disk or another device, and does not end before that answers"
            time.sleep(0.01)
        return ""


@cache
def _me() -> Holder:
    return Holder(
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        started=started(os.getpid()),
        actor=_actor(),
    )


def started(pid: int) -> float:
    """Seconds from the boot to the start of a process: no clock that is set changes them.

    Outside Linux, seconds since the epoch.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    try:
        # The second field, a name in brackets, may hold anything.
        after_name = Path(STAT.format(pid)).read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return psutil.Process(pid).create_time()
    return int(after_name[STARTED - 3]) / os.sysconf("SC_CLK_TCK")


def _boot_id() -> str:
    """Changes with every boot. Outside Linux, the boot time does."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _actor() -> str:
    """Who acts, for the journal: the login behind sudo, if there is one."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
