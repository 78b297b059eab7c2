"""Starts the process that delivers messages: apart from the command that woke it, which never waits for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from comporta.model.errors import OutboxError
from comporta.model.journal import Record
from comporta.ports.outbox import Outbox

LOG_BYTES = 1_000_000
"""When its log is longer, it begins anew."""

NICE = 10
"""How much it gives way: to the deployment that woke it, and to the service's users."""


class Courier:
    """Starts `comporta alerts deliver` for one environment.

    Args:
        config: the config file, as an absolute path.
        state: the state folder, where `alerts.log` is.
    """

    def __init__(self, config: Path, environment: str, state: Path, outbox: Outbox) -> None:
        self._words = ["alerts", "deliver", "-c", str(config), "-e", environment]
        self._log = state / "alerts.log"
        self._environment = environment
        self._outbox = outbox

    def wake(self, record: Record) -> None:
        """In a session of its own, so that neither Ctrl-C nor a closed terminal ends it. Its output is its log."""
        # Such as a full disk, or no process left: the deployment goes on, and the next command wakes it again.
        with contextlib.suppress(OSError, OutboxError):
            with self._outbox.turn(self._environment) as free:
                pass
            # Whoever has the turn looks once more after giving it back, and will find the record.
            if free:
                self._start(record.sequence - 1)

    def _start(self, since: int) -> None:
        with open(self._log, self._mode(), opener=_private) as log:
            started = subprocess.Popen(
                # -P: nothing is imported from the folder it is started in.
                [sys.executable, "-P", "-m", "comporta.main", *self._words, "--since", str(since)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            os.setpriority(os.PRIO_PROCESS, started.pid, NICE)

    def _mode(self) -> str:
        return "wb" if self._log.exists() and self._log.stat().st_size > LOG_BYTES else "ab"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
