"""The HAProxy router's folder in the state directory."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.home import RouterHome
from comporta.model.spec import EnvironmentSpec


class Home(RouterHome, frozen=True):
    @classmethod
    def of(cls, spec: EnvironmentSpec) -> Home:
        return cls(Path(spec.state).resolve() / spec.environment / "haproxy")

    @property
    def config(self) -> Path:
        """The file of an HAProxy of our own."""
        return self.path / "haproxy.cfg"

    @property
    def pid_file(self) -> Path:
        return self.path / "haproxy.pid"

    @property
    def socket(self) -> Path:
        """The master's, of an HAProxy of our own."""
        return self.path / "master.sock"

    @property
    def traffic(self) -> Path:
        """The map file that says where requests go."""
        return self.path / "traffic.map"

    @property
    def maintenance(self) -> Path:
        """The map file that holds the maintenance page while it is up."""
        return self.path / "maintenance.map"

    @property
    def access_log(self) -> Path:
        """One line a request, of an HAProxy of our own."""
        return self.path / "access.log"

    @property
    def error_log(self) -> Path:
        """What HAProxy said when it was started."""
        return self.path / "error.log"

    def prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Take everything away but the logs; the record last, so that a crash before leaves something to repeat."""
        for file in (self.traffic, self.maintenance, self.socket, self.record_file):
            file.unlink(missing_ok=True)
