"""Starts comporta once more, apart from the command that does so, which never waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LOG_BYTES = 1_000_000
"""When its log is longer, it begins anew."""
NICE = 10
"""How much it gives way: to the deployment that woke it, and to the service's users."""


def start_apart(words: Sequence[str], log: Path) -> None:
    """`comporta WORDS`, in a session of its own, so that neither Ctrl-C nor a closed terminal ends it.

    Args:
        log: gets its output.

    Raises:
        OSError: such as a full disk, or no process left.
    """
    mode = "wb" if log.exists() and log.stat().st_size > LOG_BYTES else "ab"
    with open(log, mode, opener=_private) as file:
        started = subprocess.Popen(
            # -P: nothing is imported from the folder it is started in.
            [sys.executable, "-P", "-m", "comporta.main", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        os.setpriority(os.PRIO_PROCESS, started.pid, NICE)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
