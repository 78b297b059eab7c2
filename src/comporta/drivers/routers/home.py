"""The router's folder in the state directory, and writing files there so that a crash leaves the old or the new one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from comporta.model.traffic import Topology
from comporta.model.values import Value


class File(Value, frozen=True):
    """What the proxy is to serve: the file's text, what it says, and the generation that the proxy then answers
    with."""

    topology: Topology
    text: str
    generation: str


class Record(Value, frozen=True):
    """What comporta remembers of the router.

    Attributes:
        token: proves to our own proxy that a request comes from comporta.
        proven: what was last seen to be in force.
        pending: what is being put in force; still there after a crash in the middle of it.
    """

    token: str
    proven: File | None = None
    pending: File | None = None

    @property
    def bypass(self) -> str:
        """Proves that a request may see through maintenance. It is given to people, and tells nothing of `token`."""
        return hashlib.sha256(f"bypass {self.token}".encode()).hexdigest()[:32]

    @property
    def own_headers(self) -> dict[str, str]:
        return {"X-Comporta-Probe": self.token}

    @property
    def bypass_headers(self) -> dict[str, str]:
        return {"X-Comporta-Bypass": self.bypass}


class RouterHome(Struct, frozen=True):
    """`path` holds everything of the router, whoever runs the proxy."""

    path: Path

    @property
    def record_file(self) -> Path:
        return self.path / "router.json"

    def load(self) -> Record | None:
        """None if the router was never set up, or if the file is damaged."""
        try:
            return msgspec.json.decode(self.record_file.read_bytes(), type=Record)
        except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
            return None

    def tampered(self, file: Path, record: Record | None) -> str:
        """Why the proxy's file is not as comporta left it; empty when it is."""
        found = file.read_bytes() if file.exists() else None
        if record is None:
            return f"{file} is there, but {self.record_file} is not, or is damaged" if found is not None else ""
        if found is None:
            return f"{file} is gone" if record.proven else ""
        known = {ours.text.encode() for ours in (record.proven, record.pending) if ours}
        return "" if found in known else f"{file} is not as comporta wrote it"

    def save(self, record: Record) -> None:
        write(self.record_file, msgspec.json.encode(record), mode=0o600)


def write(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file atomically and durably."""
    replace(path, data, mode=mode)
    sync(path.parent)


def replace(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file atomically; durable once the folder is synced.

    The hidden name that it has at first matches no include of `*.conf`.
    """
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
