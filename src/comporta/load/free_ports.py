"""Ports for a test, a benchmark or a demonstration: in a row, and free."""

import random
import socket

LOWEST = 12_000
HIGHEST = 32_000
"""Linux gives ports from 32768 on to outgoing connections: one of ours could be taken at any time."""


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of `count` ports in a row that nobody uses at that address; raises OSError if there are none."""
    for _ in range(1000):
        first = random.randrange(LOWEST, HIGHEST - count)
        if all(_is_free(host, port) for port in range(first, first + count)):
            return first
    raise OSError(f"cannot find {count} free ports in a row between {LOWEST} and {HIGHEST}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
        return True
