"""Starts the process that delivers messages: apart from the command that woke it, which never waits for it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from comporta.drivers.apart import start_apart
from comporta.model.errors import OutboxError
from comporta.model.journal import Record
from comporta.ports.outbox import Outbox


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
        """See to it that somebody delivers. Returns at once, and never fails."""
        # Such as a full disk, or no process left: the deployment goes on, and the next command wakes it again.
        with contextlib.suppress(OSError, OutboxError):
            # Noted here: of two that are woken at about the same time, the later one may come first.
            self._outbox.begin(self._environment, record.sequence)
            with self._outbox.turn(self._environment) as free:
                pass
            # Whoever has the turn looks once more after giving it back, and will find the record.
            if free:
                start_apart(self._words, self._log)
