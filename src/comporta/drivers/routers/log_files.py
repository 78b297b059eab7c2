"""The access log as files: the one that nginx writes, and those that were moved aside.

A cursor says how far each of them was read; a file that it does not know is new. So nothing is lost or read twice when
the log is moved, not even what a worker still writes into a file that was moved already.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from msgspec import Struct

from comporta.model.errors import RouterError

KEPT = 3
LONG = 64 << 20
CHUNK = 1 << 20
"""Bytes read at once; no line is as long."""
NEAR = 4096
"""Bytes from which on looking at each line is quicker than halving."""


class LogFile(Struct, frozen=True):
    """An open file of the log, whatever its name is by now."""

    file: IO[bytes]

    @property
    def id(self) -> str:
        """The inode alone would not do: a new file may get that of one that was just deleted.

        It lasts from the first whole line on.
        """
        self.file.seek(0)
        return f"{os.fstat(self.file.fileno()).st_ino}-{zlib.crc32(self.file.readline(CHUNK)):08x}"

    def mark(self, offset: int) -> str:
        """Its part of a cursor, once it was read up to the offset."""
        return f"{self.id}:{offset}"

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

    def before(self, wanted: Callable[[bytes], bool]) -> int:
        """Where the first wanted line begins, by bisection: the lines after a wanted one are wanted as well."""
        low, high = 0, self.end()
        while high - low > NEAR:
            middle = (low + high) // 2
            self.file.seek(middle)
            start = middle + len(self.file.readline())
            line = self.file.readline()
            if start < high and not wanted(line):
                low = start + len(line)
            else:
                high = middle
        self.file.seek(low)
        while (line := self.file.readline()).endswith(b"\n") and not wanted(line):
            low += len(line)
        return low

    def lines(self, offset: int) -> Iterator[tuple[list[bytes], int]]:
        """Whole lines in portions, each with the offset after it; a file that was cut is read from its start."""
        offset = offset if offset <= self.file.seek(0, os.SEEK_END) else 0
        return whole_lines(self.file, offset)


def whole_lines(file: IO[bytes], offset: int, size: int = CHUNK) -> Iterator[tuple[list[bytes], int]]:
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
    files: dict[int, IO[bytes]] = {}
    with ExitStack() as stack:
        for path in (log, *(_moved(log, number) for number in range(1, KEPT + 1))):
            try:
                file = stack.enter_context(path.open("rb"))
            except FileNotFoundError:  # also the log itself, while nginx begins a new one
                continue
            except OSError as error:
                raise RouterError(f"cannot count requests: {path}: {error.strerror}") from None
            files.setdefault(os.fstat(file.fileno()).st_ino, file)
        if not files:
            raise RouterError(
                f"cannot count requests: there is no {log}", next="let nginx reopen its logs: `nginx -s reopen`"
            )
        yield [LogFile(file) for file in reversed(files.values())]


def offsets(cursor: str) -> dict[str, int]:
    """The marks in a cursor, by the ids of the files."""
    found: dict[str, int] = {}
    for entry in cursor.split(" "):
        id, _, offset = entry.partition(":")
        if not (id and offset.isdecimal() and offset.isascii()):
            raise RouterError(f"cannot count requests: {cursor!r} is no cursor of this router")
        found[id] = int(offset)
    return found


def move_aside(log: Path) -> bool:
    """Move the log aside if it has become long; true if nginx must be told to begin a new one.

    That is so as well when somebody else moved or deleted it. Crash-safe: what is moved is still read, and a log that
    is gone is begun anew the next time.
    """
    try:
        with log.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another command may just be doing the same
            if log.stat().st_size < LONG:
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
