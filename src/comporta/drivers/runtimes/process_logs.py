"""Reading what an instance wrote: the last lines, and what comes after, across rotations."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BLOCK = 64 * 1024
BACKUPS = 2
"""Older files that rotation puts aside: log.1 is the newest of them."""


class Log:
    """The log of one instance, read from its last lines on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._position = 0
        self._rest = b""

    def last_lines(self, lines: int) -> list[str]:
        """The last lines; `new_lines` goes on behind them. One that is not yet whole is among them."""
        content = b""
        with suppress(FileNotFoundError):
            content = self._tail(self._path, lines)
        for number in range(1, BACKUPS + 1):
            if content.count(b"\n") <= lines:
                with suppress(FileNotFoundError):
                    content = _last_bytes(self._backup(number), lines)[0] + content
        return [_text(line) for line in content.removesuffix(b"\n").split(b"\n")[-lines:]] if lines and content else []

    def new_lines(self) -> list[str]:
        """What was written since the last call, as whole lines."""
        content = b""
        for path in (self._backup(1), self._path):
            with suppress(FileNotFoundError):
                content += self._read(path)
        *whole, self._rest = (self._rest + content).split(b"\n")
        return [_text(line) for line in whole]

    def _tail(self, path: Path, lines: int) -> bytes:
        content, self._inode, self._position = _last_bytes(path, lines)
        return content

    def _read(self, path: Path) -> bytes:
        """What is new in a file: the rest of the one we know, or all of the one that took its place."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._position:
                if path != self._path:
                    return b""
                self._inode, self._position = status.st_ino, 0
            file.seek(self._position)
            content = file.read()
            self._position += len(content)
            return content

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _last_bytes(path: Path, lines: int) -> tuple[bytes, int, int]:
    """At least the last lines of a file, its inode, and its size when they were read."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        start, content = status.st_size, b""
        # One newline more than lines asked for, so that the first one is whole.
        while start and content.count(b"\n") <= lines:
            step = min(BLOCK, start)
            start = file.seek(start - step)
            content = file.read(step) + content
    return content, status.st_ino, status.st_size


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode(errors="replace")
