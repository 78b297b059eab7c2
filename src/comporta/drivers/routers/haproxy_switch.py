"""The switch: the one entry of a map, which HAProxy looks up for each request.

Its value is `<release in blue>|<release in green>|<green's percent>|<the whole Traffic>`, so that slots, release
numbers and shares change in one atomic act, and what is read back is what HAProxy itself reads. The file is what
HAProxy starts with; a running one is told over its socket. The file is written first: a reload in between must not
bring back the old.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

import msgspec

from comporta.drivers.routers.home import sync
from comporta.model.traffic import Traffic

KEY = "now"
CLOSED = Traffic()
_BEFORE = "# before: "


def encode(traffic: Traffic) -> str:
    """Without a space: it is a word in a map file and in a command."""
    blue, green = (release.number if release else "" for release in (traffic.blue, traffic.green))
    share = traffic.weights.green if traffic.weights else "closed"
    return f"{blue}|{green}|{share}|{base64.urlsafe_b64encode(msgspec.json.encode(traffic)).decode()}"


def decode(value: str) -> Traffic | None:
    """None if comporta did not write it."""
    try:
        traffic = msgspec.json.decode(base64.urlsafe_b64decode(value.rpartition("|")[2]), type=Traffic)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        return None
    return traffic if encode(traffic) == value else None


class MapFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Traffic, str]:
        """What it says, and what is wrong with it (empty: nothing)."""
        if not self.path.exists():
            return CLOSED, f"{self.path} is gone"
        value, _ = self.values()
        traffic = decode(value)
        return (traffic, "") if traffic else (CLOSED, f"{self.path} is not as comporta wrote it")

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

    def close_if_new(self) -> None:
        """A router that was never told where to send requests sends them nowhere."""
        if not self.path.exists():
            self.write(encode(CLOSED))
            self.settle()
