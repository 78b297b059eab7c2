"""The text of a config file, and the errors that point into it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from comporta.model.errors import ConfigError

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
MAX_BYTES = 1_000_000


class Place(Struct, frozen=True, order=True):
    """Line and column, both counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(eq=False)
class Problem(Exception):
    """One thing that is wrong: raised where nothing more can be read, collected everywhere else."""

    place: Place
    message: str
    next: str


class Source(Struct, frozen=True):
    """A file's name, as people would write it, and its text."""

    name: str
    text: str

    @property
    def lines(self) -> list[str]:
        return LINE_BREAK.split(self.text)

    def error(self, problems: Iterable[Problem]) -> ConfigError:
        """The first problem of the file in full, and the others in a line each."""
        once: dict[str, Problem] = {}
        for problem in problems:
            once.setdefault(self._headline(problem), problem)
        first, *others = sorted(once.values(), key=lambda problem: problem.place)
        also = [self._headline(problem) for problem in others]
        return ConfigError(self._headline(first), next=first.next, details=[*self._excerpt(first.place), *also])

    def _headline(self, problem: Problem) -> str:
        return f"{self.name}:{problem.place.line}:{problem.place.column}: {problem.message}"

    def _excerpt(self, place: Place) -> list[str]:
        """The line, and a caret below the column (tabs stay tabs, so that the caret stands right)."""
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        if not line.strip():
            return []
        margin = f"{place.line} | "
        indent = "".join("\t" if character == "\t" else " " for character in line[: place.column - 1])
        return [margin + line, f"{'| ':>{len(margin)}}{indent}^"]


def read(path: Path) -> Source:
    """The file as text.

    Raises:
        ConfigError: it is not there, is not a file, cannot be read, or is not UTF-8.
    """
    name = shown(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"cannot read {name}: there is no such file", next="`comporta init` writes a starter file"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"cannot read {name}: it is a folder", next="name the file in it, with -c") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot read {name}: {cause}", next=f"make {name} a file that you may read") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"cannot read {name}: it is larger than 1 MB", next="name the right file, with -c")
    return _decoded(name, data)


def shown(path: Path) -> str:
    """The path as a person would type it here: relative when it lies in this folder or below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _decoded(name: str, data: bytes) -> Source:
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        readable = Source(name, data.decode("utf-8", "replace"))
        before = LINE_BREAK.split(data[: error.start].decode("utf-8"))
        message = f"cannot read the text: it is not UTF-8 (byte 0x{data[error.start]:02x})"
        place = Place(len(before), len(before[-1]) + 1)
        raise readable.error([Problem(place, message, "save the file in the encoding UTF-8")]) from None
