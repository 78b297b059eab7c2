"""Waits until a slot's time is over. It is run by its path, and goes into the background before it loads anything."""

from __future__ import annotations

import os
import sys


def main(descriptor: int, told: str) -> None:
    """`descriptor`: the lock that says that the slot has a reaper. `told`: where and for what, as JSON."""
    if os.fork():
        os._exit(0)
    os.setsid()
    from comporta.drivers.runtimes.docker.expiry import reap

    reap(descriptor, told)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
