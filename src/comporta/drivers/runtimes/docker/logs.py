"""What instances wrote: the engine keeps it for its containers, the slot's folder for those that are gone."""

from __future__ import annotations

import calendar
import struct
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

from msgspec import Struct

from comporta.drivers.runtimes.docker.api import Api, EngineError
from comporta.drivers.runtimes.seat import Seat
from comporta.model.release import LogLine

HEADER = struct.Struct(">BxxxL")
"""Before each piece: which stream it is of, and its length."""


class Line(NamedTuple):
    """`at`: when it was written, as the engine says it: RFC 3339 in UTC, always with nanoseconds."""

    at: str
    text: str


class Source(Struct, frozen=True):
    """A container (its id), the engine that has it, and the instance that it is."""

    api: Api
    container: str
    index: int


class LogReader:
    """Reads the logs of one slot, from their last lines on."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._seen: dict[str, str] = {}

    def previous(self, lines: int, index: int | None) -> list[LogLine]:
        """Of the occupant before."""
        logged = [i for i in self._seat.logged(previous=True) if index in (None, i)]
        return [LogLine(index=i, text=text) for i in logged for text in last(self._saved(i, previous=True), lines)]

    async def last(self, sources: Collection[Source], lines: int, index: int | None) -> list[LogLine]:
        """One instance after the other."""
        saved = [i for i in self._seat.logged() if index in (None, i)]
        texts = {i: self._saved(i) for i in sorted({*saved, *(source.index for source in sources)})}
        for source in sources:
            written = await read_log(source.api, source.container, tail=max(lines, 1))
            self._note(source.container, written)
            texts[source.index] += [line.text for line in written]
        return [LogLine(index=i, text=text) for i, written in texts.items() for text in last(written, lines)]

    async def new(self, sources: Collection[Source]) -> list[LogLine]:
        """What was written since, also by containers that are new."""
        found = []
        for source in sources:
            written = await read_log(source.api, source.container, after=self._seen.get(source.container, ""))
            self._note(source.container, written)
            found += [LogLine(index=source.index, text=line.text) for line in written]
        return found

    def _saved(self, index: int, *, previous: bool = False) -> list[str]:
        try:
            return self._seat.log(index, previous=previous).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _note(self, container: str, lines: list[Line]) -> None:
        if lines:
            self._seen[container] = max(line.at for line in lines)


async def read_log(api: Api, container: str, *, tail: int | None = None, after: str = "") -> list[Line]:
    """The last lines of a container, or all that came after a line's time. Empty if it is gone, or keeps no log."""
    try:
        content = await api.read(
            f"/containers/{container}/logs",
            stdout=True,
            stderr=True,
            timestamps=True,
            tail="all" if tail is None else tail,
            since=epoch(after) if after else 0,
        )
    except EngineError as error:
        if error.status in (404, 501):
            return []
        raise
    return [line for line in parsed(content) if line.at > after]


def last(lines: list[str], count: int) -> list[str]:
    return lines[-count:] if count else []


def parsed(content: bytes) -> list[Line]:
    """The lines of both streams, in the order in which they were completed."""
    rests: dict[int, bytes] = {}
    found = []
    for stream, payload in _pieces(content):
        *whole, rest = (rests.pop(stream, b"") + payload).split(b"\n")
        found += [_line(line) for line in whole]
        if rest:
            rests[stream] = rest
    return found + [_line(rest) for rest in rests.values()]


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + HEADER.size <= len(content):
        stream, length = HEADER.unpack_from(content, position)
        position += HEADER.size
        yield stream, content[position : position + length]
        position += length


def _line(line: bytes) -> Line:
    at, _, text = line.rstrip(b"\r").decode(errors="replace").partition(" ")
    return Line(at, text)


def epoch(at: str) -> str:
    """As the engine takes times, from how it tells them: seconds since 1970, and nanoseconds."""
    seconds, _, fraction = at.removesuffix("Z").partition(".")
    return f"{calendar.timegm(time.strptime(seconds, '%Y-%m-%dT%H:%M:%S'))}.{fraction:0<9}"
