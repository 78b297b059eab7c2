"""Backups in a folder of this machine. A file appears there by a rename, once its content is lasting."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread

from comporta.drivers.backups.shelf import DATA, MANIFEST

PART = ".part"


class Directory:
    """Implements Shelf. Whatever ends with `PART` is unfinished."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        return str(self._folder)

    async def names(self) -> tuple[str, ...]:
        return tuple(path.name for path in self._found() if path.name.endswith((DATA, MANIFEST)))

    async def stale(self) -> tuple[str, ...]:
        """Data without a manifest, too: only one process at a time works here."""
        names = await self.names()
        lone = [name for name in names if name.endswith(DATA) and name.removesuffix(DATA) + MANIFEST not in names]
        return (*(path.name for path in self._found() if path.name.endswith(PART)), *lone)

    async def read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    async def write(self, name: str, content: bytes) -> None:
        part = self._folder / f"{name}{PART}"
        part.touch(mode=0o600)
        part.write_bytes(content)
        await self.take(name, part)

    async def take(self, name: str, file: Path) -> None:
        await anyio.to_thread.run_sync(_settle, file, self._folder / name)

    @asynccontextmanager
    async def file(self, name: str) -> AsyncIterator[Path]:
        yield self._folder / name

    async def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def _found(self) -> list[Path]:
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []


def _settle(file: Path, target: Path) -> None:
    _sync(file)
    file.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
