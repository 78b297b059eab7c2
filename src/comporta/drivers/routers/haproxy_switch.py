"""The switch: the one entry of a map, which HAProxy looks up for each request.

Its value is `<release in blue>|<release in green>|<green's percent>|<the whole Traffic>`, so that slots, release
numbers and shares change in one atomic act, and what is read back is what HAProxy itself reads. Where only the first
instances of a slot get requests, `.<number in blue>|.<number in green>` stands before the last part (empty: all).
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import msgspec

from comporta.drivers.routers.haproxy_map import MapFile
from comporta.model.traffic import Slot, Traffic

CLOSED = Traffic()
"""A router that was never told where to send requests sends them nowhere."""


def encode(traffic: Traffic) -> str:
    """Without a space: it is a word in a map file and in a command."""
    blue, green = (release.number if release else "" for release in (traffic.blue, traffic.green))
    share = traffic.weights.green if traffic.weights else "closed"
    counts = ["" if (count := traffic.instances_in(slot)) is None else f".{count}" for slot in Slot]
    pools = f"{'|'.join(counts)}|" if any(counts) else ""
    return f"{blue}|{green}|{share}|{pools}{base64.urlsafe_b64encode(msgspec.json.encode(traffic)).decode()}"


def decode(value: str) -> Traffic | None:
    """None if comporta did not write it."""
    try:
        traffic = msgspec.json.decode(base64.urlsafe_b64decode(value.rpartition("|")[2]), type=Traffic)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        return None
    return traffic if encode(traffic) == value else None


class TrafficMap(MapFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path, first=encode(CLOSED))

    def knows(self, value: str) -> bool:
        return decode(value) is not None

    def read(self) -> tuple[Traffic, str]:
        """What it says, and what is wrong with it (empty: nothing)."""
        if not self.path.exists():
            return CLOSED, f"{self.path} is gone"
        value, _ = self.values()
        traffic = decode(value)
        return (traffic, "") if traffic else (CLOSED, f"{self.path} is not as comporta wrote it")
