"""A map with one entry, which HAProxy looks up for each request.

The file is what HAProxy starts with; a running one is told over its socket. The file is written first: a reload in
between must not bring back the old.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

from comporta.drivers.routers.home import sync

KEY = "now"
_BEFORE = "# before: "


class MapFile(ABC):
    """`first` is the value until there is another one."""

    def __init__(self, path: Path, *, first: str) -> None:
        self.path = path
        self._first = first

    @abstractmethod
    def knows(self, value: str) -> bool:
        """Whether it is a value that comporta writes."""

    def values(self) -> tuple[str, str]:
        """The value, and the one before: a crash may have come between writing the file and telling HAProxy."""
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        if len(lines) != 2 or not lines[0].startswith(_BEFORE) or not lines[1].startswith(f"{KEY} "):
            return "", ""
        return lines[1].removeprefix(f"{KEY} "), lines[0].removeprefix(_BEFORE)

    def write(self, value: str) -> None:
        """Replace it atomically; durable only after `settle`: users do not wait for the disk."""
        before, _ = self.values()
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.write_text(f"{_BEFORE}{before}\n{KEY} {value}\n", encoding="utf-8")
        os.replace(beside, self.path)

    def settle(self) -> None:
        sync(self.path)
        sync(self.path.parent)

    def begin_if_new(self) -> None:
        """HAProxy does not start without the file."""
        if not self.path.exists():
            self.write(self._first)
            self.settle()
