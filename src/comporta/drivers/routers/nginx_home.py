"""The nginx router's folder in the state directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from comporta.drivers.routers.home import File, Record, RouterHome, sync, write
from comporta.model.spec import EnvironmentSpec

__all__ = ["File", "Home", "Record", "sync", "write"]


class Home(RouterHome, frozen=True):
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
    def page(self) -> Path:
        """The maintenance page. It stays when it is taken down, for a request that was just about to get it."""
        return self.switch / "page.html"

    @property
    def maintenance(self) -> Path:
        """A link to the page: while it is there, users get the page."""
        return self.switch / "maintenance"

    @property
    def access_log(self) -> Path:
        return self.path / "access.log"

    @property
    def error_log(self) -> Path:
        return self.path / "error.log"

    def prepare(self) -> None:
        """Make the folders. The workers may be another user than we are, and must get through whatever the umask."""
        for folder in (self.path, self.switch, self.path / "temp"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        self.error_log.touch()
        self.error_log.chmod(0o640)  # it quotes what users ask for

    def clear(self) -> None:
        """Take everything away but the logs; the record last, so that a crash before leaves something to repeat."""
        for folder in (self.switch, self.path / "temp"):
            shutil.rmtree(folder, ignore_errors=True)
        self.record_file.unlink(missing_ok=True)
