"""Starts the process that delivers messages: apart from the command that woke it, which never waits for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from comporta.model.journal import Record

LOG_BYTES = 1_000_000
"""When its log is longer, it begins anew."""


class Courier:
    """Starts `comporta alerts deliver` for one environment.

    Args:
        config: the config file, as an absolute path.
        state: the state folder, where `alerts.log` is.
    """

    def __init__(self, config: Path, environment: str, state: Path) -> None:
        self._words = ["alerts", "deliver", "-c", str(config), "-e", environment]
        self._log = state / "alerts.log"

    def wake(self, record: Record) -> None:
        """In a session of its own, so that neither Ctrl-C nor a closed terminal ends it. Its output is its log."""
        # Such as a full disk, or no process left: the deployment goes on, and the next command wakes it again.
        with contextlib.suppress(OSError), open(self._log, self._mode(), opener=_private) as log:
            subprocess.Popen(
                # -P: nothing is imported from the folder it is started in.
                [sys.executable, "-P", "-m", "comporta.main", *self._words, "--since", str(record.sequence - 1)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _mode(self) -> str:
        return "wb" if self._log.exists() and self._log.stat().st_size > LOG_BYTES else "ab"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
