"""Who listens on a port, and what is connected to one."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from comporta.drivers.routers.asking import reachable
from comporta.drivers.routers.processes import title
from comporta.model.errors import RouterError

OUR_NETWORK = Path("/proc/net")
OPEN = ("01", "02")
"""ESTABLISHED and SYN_SENT, as the kernel writes them."""


def require_free(listen: str, ours: set[int]) -> None:
    """Refuse an address that somebody else listens on, before a reload: a proxy would go on as before, or fall silent.

    Args:
        ours: the pids that may hold it.

    Raises:
        RouterError: naming the process that holds it.
    """
    problem = _cannot_bind(listen)
    if not problem:
        return
    port = int(listen.rpartition(":")[2])
    holders = _listeners(port)
    if holders and holders <= ours:
        return
    names = ", ".join(sorted(f"{title(psutil.Process(pid)) or 'a process'} (pid {pid})" for pid in holders))
    raise RouterError(
        f"cannot listen on {listen}: {f'{names} does already' if names else problem}",
        next=f"{'stop it, or ' if names else ''}give the environment another `listen` address",
    )


def open_connections(addresses: set[tuple[str, int]], network: Path = OUR_NETWORK) -> int:
    """Connections from this machine to any of these (IP address, port) that are open or being opened.

    Args:
        network: the kernel's tables of the network to look at: a container may have one of its own.
    """
    tables = {"tcp6" if ":" in ip else "tcp" for ip, _ in addresses}  # reading one takes the kernel many milliseconds
    return sum(remote in addresses for remote in _remotes(network, tables))


def resolved(address: str) -> tuple[str, int]:
    """host:port as an IP address and a port."""
    host, port = reachable(address)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return str(found[0][4][0]), port


def _cannot_bind(listen: str) -> str:
    """Why nobody can listen there now; empty if one can."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _listeners(port: int) -> set[int]:
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # outside Linux, for root only
        return set()
    return {c.pid for c in found if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid}


def _remotes(network: Path, tables: set[str]) -> Iterator[tuple[str, int]]:
    """The far ends of all connections. The kernel's own table: psutil would walk all open files of all processes."""
    if not OUR_NETWORK.exists():
        states = (psutil.CONN_ESTABLISHED, psutil.CONN_SYN_SENT)
        yield from ((c.raddr.ip, c.raddr.port) for c in psutil.net_connections("tcp") if c.status in states and c.raddr)
        return
    for table in tables:
        for line in (network / table).read_text().splitlines()[1:]:
            words = line.split(maxsplit=4)
            if words[3] in OPEN:
                yield _far_end(words[2])


def _far_end(text: str) -> tuple[str, int]:
    """`0100007F:1F41`: four-byte words in the machine's own order, and the port."""
    packed, _, port = text.partition(":")
    words = [bytes.fromhex(packed[i : i + 8]) for i in range(0, len(packed), 8)]
    address = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address), int(port, 16)
