"""Whether the ports of a slot are free, and who holds them if not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection

import psutil

from comporta.model.errors import RuntimeFailure


def require_free(host: str, ports: Collection[int], ours: Callable[[], list[psutil.Process]]) -> None:
    """Refuse to start on a port that another process holds.

    Args:
        ours: finds the processes that sit in the slot: they are stopped first, or are the ones to run.

    Raises:
        RuntimeFailure: names the port, the process and its command.
    """
    taken = [port for port in ports if not is_free(host, port)]
    pids = {process.pid for process in ours()} if taken else set[int]()
    for port in taken:
        if holder := foreign_holder(port, pids):
            raise RuntimeFailure(
                f"cannot start on port {port}: it is taken by {holder}",
                next="stop that process, or give the slot other ports in the config",
            )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        RuntimeFailure: nobody could: the address is not of this machine, or the port is a privileged one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise RuntimeFailure(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return True


def foreign_holder(port: int, ours: Collection[int]) -> str:
    """Who listens on the port, for people; empty if it is one of ours."""
    listening = [
        c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
    ]
    pids = {connection.pid for connection in listening}
    if pids & set(ours):
        return ""
    pid = next((pid for pid in pids if pid is not None), None)
    return describe(pid) if pid is not None else "a process that this user may not see"


def describe(pid: int) -> str:
    try:
        return f"process {pid} ({' '.join(psutil.Process(pid).cmdline())})"
    except psutil.Error:
        return f"process {pid}"
