"""The nginx that serves our file: one of our own, or one that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Server(Protocol):
    """`file` is where nginx reads our part."""

    file: Path

    def version(self) -> tuple[int, ...]:
        """Such as (1, 22, 1); empty when it cannot be known."""

    def require_listenable(self, listen: str) -> None:
        """Raises RouterError, naming the holder, if nginx could not listen there."""

    async def install(self, text: str) -> None:
        """Put the text into `file`, durably, if nginx accepts it.

        Raises:
            RouterError: with nginx's own words; the file is what it was.
        """

    async def apply(self) -> None:
        """Let nginx read `file`: reload it, or start it if it is ours and down. It may take effect only later."""

    async def withdraw(self) -> None:
        """Take `file` away, and let nginx forget it (stop it, if it is ours)."""

    async def tend_log(self) -> None:
        """Begin a new access log if the old one has become long, or is gone, and nginx is ours."""

    def log_size(self) -> int:
        """Bytes in the error log, if it can be read."""

    def complaints(self, since: int) -> list[str]:
        """What the error log says, beyond so many bytes, about why the file could not be put in force."""
