"""The access log as files: the one that nginx writes, and those that were moved aside.

A cursor says how far each of them was read; a file that it does not know is new. So nothing is lost or read twice when
the log is moved, not even what a worker still writes into a file that was moved already.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from comporta.model.errors import RouterError

KEPT = 3
LONG = 64 << 20
CHUNK = 1 << 20
"""Bytes read at once; no line is as long."""


@dataclass(frozen=True)
class LogFile:
    """An open file of the log, whatever its name is by now."""

    file: BinaryIO

    @property
    def id(self) -> str:
        """The inode alone would not do: a new file may get that of one that was just deleted."""
        self.file.seek(0)
        return f"{os.fstat(self.file.fileno()).st_ino}-{zlib.crc32(self.file.readline(CHUNK)):08x}"

    def end(self) -> int:
        """Where its last whole line ends."""
        position = self.file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - CHUNK)
            self.file.seek(start)
            newline = self.file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            position = start
        return 0

    def lines(self, offset: int) -> Iterator[tuple[list[bytes], int]]:
        """Whole lines in portions, each with the offset after it; a file that was cut is read from its start."""
        offset = offset if offset <= self.file.seek(0, os.SEEK_END) else 0
        return whole_lines(self.file, offset)


def whole_lines(file: BinaryIO, offset: int, size: int = CHUNK) -> Iterator[tuple[list[bytes], int]]:
    """Lines in portions of about `size` bytes, each with the offset after it. What is longer than that is no line."""
    file.seek(offset)
    rest = b""
    while chunk := file.read(size):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            offset += len(whole) + 1
            yield whole.split(b"\n"), offset
        elif len(rest) > size:
            offset += len(rest)
            rest = b""
            yield [], offset


@contextmanager
def opened(log: Path) -> Iterator[list[LogFile]]:
    """All files of the log. From new to old, as they move: one that moves meanwhile is met twice, but never missed.

    Raises:
        RouterError: nginx has no log.
    """
    with ExitStack() as stack:
        try:
            files = {os.fstat(file.fileno()).st_ino: file for file in [stack.enter_context(log.open("rb"))]}
        except OSError as error:
            raise RouterError(f"cannot count requests: {log}: {error.strerror}") from None
        for number in range(1, KEPT + 1):
            with suppress(FileNotFoundError):
                file = stack.enter_context(_moved(log, number).open("rb"))
                files.setdefault(os.fstat(file.fileno()).st_ino, file)
        yield [LogFile(file) for file in reversed(files.values())]


def to_cursor(offsets: dict[str, int]) -> str:
    return " ".join(f"{id}:{offset}" for id, offset in offsets.items())


def from_cursor(cursor: str) -> dict[str, int]:
    offsets: dict[str, int] = {}
    for entry in cursor.split(" "):
        id, _, offset = entry.partition(":")
        if not (id and offset.isdecimal() and offset.isascii()):
            raise RouterError(f"cannot count requests: {cursor!r} is no cursor of this router")
        offsets[id] = int(offset)
    return offsets


def move_aside(log: Path) -> bool:
    """Move the log aside if it has become long; true if nginx must be told to begin a new one.

    That is so as well when somebody else moved or deleted it. Crash-safe: what is moved is still read, and a log that
    is gone is begun anew the next time.
    """
    try:
        with log.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another command may be about to do the same
            found = log.stat()
            if found.st_size < LONG or not os.path.samestat(found, os.fstat(file.fileno())):
                return False
            rename(log)
    except FileNotFoundError:
        pass
    return True


def rename(log: Path) -> None:
    """Each file gets the name of the next older one; the oldest is no more."""
    for number in range(KEPT - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(_moved(log, number), _moved(log, number + 1))
    os.replace(log, _moved(log, 1))


def _moved(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
