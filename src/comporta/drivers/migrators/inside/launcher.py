"""Becomes another program, which ends when its starter does. Run by its path, with the standard library only.

A migration tool must not go on alone after comporta was killed: nobody would hold the lock for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1


def main(starter: int, words: list[str]) -> NoReturn:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:
        sys.exit("comporta: the command that started this has ended already")
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.exit(f"comporta: cannot run {words[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
