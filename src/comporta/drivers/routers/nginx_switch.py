"""The switch: one link, `live`, which nginx resolves anew for each request.

It leads to a file that is named for the slot and the release number that answers from it, such as
`blue-12-5f0c…`, or, while traffic is split, for both releases and green's share: `blue-12+green-13@5-5f0c…`. Where only
the first instances of a slot get requests, their number follows the slot: `blue.2-12-5f0c…`. The file holds the whole
`Traffic`. Replacing the link is one atomic act, so slot and release number can never be seen out of step, and what is
read back here is what nginx itself reads. No reload is needed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from comporta.drivers.routers.nginx_home import sync
from comporta.model.traffic import Slot, Traffic

CLOSED = Traffic()


class Switch:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.link = folder / "live"

    def read(self) -> tuple[Traffic, str]:
        """Where the link leads, and what is wrong with it (empty: nothing). Without a link, nginx serves nobody."""
        if not os.path.lexists(self.link):
            return CLOSED, f"{self.link} is gone"
        try:
            traffic = msgspec.json.decode(self.link.read_bytes(), type=Traffic)
            if self.link.readlink() == Path(name(traffic)):
                return traffic, ""
        except (OSError, msgspec.DecodeError):
            pass
        return CLOSED, f"{self.link} does not lead to a file that comporta wrote"

    def write(self, traffic: Traffic) -> None:
        """Put it in force for every request that arrives from now on; durable when it returns."""
        target = self._folder / name(traffic)
        before = self.link.resolve()
        data = msgspec.json.encode(traffic)
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)
            target.chmod(0o644)
        beside = self._folder / ".live.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(target.name)
        os.replace(beside, self.link)
        # Users do not wait for the disk: only what this promises does.
        sync(target)
        sync(self._folder)
        self._forget_all_but({target, before})

    def close_if_new(self) -> None:
        """A router that was never told where to send requests sends them nowhere."""
        if not os.path.lexists(self.link):
            self.write(CLOSED)

    def _forget_all_but(self, kept: set[Path]) -> None:
        # The one before stays: a request may have read the link and not yet looked at what it leads to.
        for path in self._folder.glob("*-*-*"):
            if path not in kept:
                path.unlink(missing_ok=True)


def name(traffic: Traffic) -> str:
    """What nginx reads: slots, release numbers, shares. The digest makes it stand for this traffic and no other."""
    digest = hashlib.sha256(msgspec.json.encode(traffic)).hexdigest()[:12]
    if traffic.weights is None:
        return f"closed--{digest}"
    if traffic.live:
        return f"{_seat(traffic, traffic.live)}-{digest}"
    return f"{_seat(traffic, Slot.BLUE)}+{_seat(traffic, Slot.GREEN)}@{traffic.weights.green}-{digest}"


def _seat(traffic: Traffic, slot: Slot) -> str:
    release, count = traffic.release_in(slot), traffic.instances_in(slot)
    return f"{slot}{'' if count is None else f'.{count}'}-{release.number if release else ''}"
