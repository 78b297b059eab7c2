"""The router's folder in the state directory, and writing files there so that a crash leaves the old or the new one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Topology
from comporta.model.values import Value


class File(Value, frozen=True):
    """What nginx is to serve: the file's text, what it says, and the generation that nginx then answers with."""

    topology: Topology
    text: str
    generation: str


class Record(Value, frozen=True):
    """What comporta remembers of the router.

    Attributes:
        token: proves to our own nginx that a request comes from comporta.
        proven: what was last seen to be in force.
        pending: what is being put in force; still there after a crash in the middle of it.
    """

    token: str
    proven: File | None = None
    pending: File | None = None


@dataclass(frozen=True)
class Home:
    """`path` holds everything of the router, whoever runs the nginx."""

    path: Path

    @classmethod
    def of(cls, spec: EnvironmentSpec) -> Home:
        return cls(Path(spec.state).resolve() / spec.environment / "nginx")

    @property
    def config(self) -> Path:
        """The file of an nginx of our own."""
        return self.path / "nginx.conf"

    @property
    def pid_file(self) -> Path:
        return self.path / "nginx.pid"

    @property
    def switch(self) -> Path:
        return self.path / "traffic"

    @property
    def access_log(self) -> Path:
        return self.path / "access.log"

    @property
    def error_log(self) -> Path:
        return self.path / "error.log"

    @property
    def record_file(self) -> Path:
        return self.path / "router.json"

    def prepare(self) -> None:
        """Make the folders. The workers may be another user than we are, and must get through whatever the umask."""
        for folder in (self.path, self.switch, self.path / "temp"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)

    def load(self) -> Record | None:
        """None if the router was never set up, or if the file is damaged."""
        try:
            return msgspec.json.decode(self.record_file.read_bytes(), type=Record)
        except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
            return None

    def save(self, record: Record) -> None:
        write(self.record_file, msgspec.json.encode(record), mode=0o600)

    def clear(self) -> None:
        """Take everything away but the logs; the record last, so that a crash before leaves something to repeat."""
        for folder in (self.switch, self.path / "temp"):
            shutil.rmtree(folder, ignore_errors=True)
        self.record_file.unlink(missing_ok=True)


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
