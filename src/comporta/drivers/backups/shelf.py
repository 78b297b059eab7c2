"""Where the data and the manifests of backups lie. A shelf knows names and bytes, and nothing of what they mean."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Protocol

DATA, MANIFEST = ".data", ".manifest.json"


class Shelf(Protocol):
    """Names end with `DATA` or `MANIFEST`."""

    @property
    def place(self) -> str: ...

    async def names(self) -> tuple[str, ...]: ...

    async def stale(self) -> tuple[str, ...]:
        """What was left on the way here, or by others, so long ago that nobody works on it."""

    async def read(self, name: str) -> bytes: ...

    async def write(self, name: str, content: bytes) -> None:
        """Whole or not at all, and lasting."""

    async def take(self, name: str, file: Path) -> None:
        """Take a finished file in, whole or not at all, and lasting. It is gone from where it was."""

    def file(self, name: str) -> AbstractAsyncContextManager[Path]:
        """The data as a file of this machine, for the block.

        Raises:
            FileNotFoundError: there is none.
        """

    async def remove(self, name: str) -> None:
        """Nothing is there afterwards, whether or not there was."""


def private(path: Path) -> IO[bytes]:
    """A new file that only we can read."""
    return open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
