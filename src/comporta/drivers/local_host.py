"""This machine and this process, as holders of leases."""

from __future__ import annotations

import getpass
import os
import socket
from functools import cache
from pathlib import Path

import psutil

from comporta.model.journal import Holder

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TOLERANCE = 2.0
"""Seconds that two readings of a process's start time may differ, as the boot time is estimated."""


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
            same = abs(process.create_time() - holder.started) < START_TOLERANCE
        except psutil.NoSuchProcess:
            alive = same = False
        except psutil.AccessDenied:
            return ""
        return "" if alive and same else f"its process {holder.pid} has ended"


@cache
def _me() -> Holder:
    return Holder(
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        actor=_actor(),
    )


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
