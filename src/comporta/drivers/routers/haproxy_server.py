"""The HAProxy that serves our file: one of our own, or one that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from comporta.drivers.routers.external import ExternalFile
from comporta.drivers.routers.haproxy_options import ExternalHaproxy


class Server(Protocol):
    """`file` is where HAProxy reads our part, `socket` its master's, `log` has a line for each request."""

    file: Path
    socket: Path
    log: Path

    def may_run(self) -> bool:
        """False if it surely does not run."""

    def require_listenable(self, listen: str) -> None:
        """Raises RouterError, naming the holder, if HAProxy could not listen there."""

    async def install(self, text: str) -> None:
        """Put the text into `file`, durably, if HAProxy accepts it.

        Raises:
            RouterError: with HAProxy's own words; the file is what it was.
        """

    async def apply(self) -> None:
        """Let HAProxy read `file`: reload it, or start it if it is ours and down. It may take effect only later."""

    async def withdraw(self) -> None:
        """Take `file` away, and let HAProxy forget it (stop it, if it is ours)."""


class External(ExternalFile):
    """Implements Server."""

    def __init__(self, options: ExternalHaproxy, *, base: Path, file_name: str) -> None:
        super().__init__(
            base / options.directory / file_name, program="haproxy", test=options.test, reload=options.reload
        )
        self.socket = base / options.socket
        self.log = base / options.log

    def may_run(self) -> bool:
        return self.socket.exists()
