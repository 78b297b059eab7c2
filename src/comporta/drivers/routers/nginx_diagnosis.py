"""What this machine has, or lacks, to route traffic with nginx. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.diagnosis import commands, port, program, writable
from comporta.drivers.routers.nginx_file import checked_home
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.nginx_process import family
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec


def diagnose(spec: EnvironmentSpec, options: NginxOptions) -> list[Finding]:
    home = Home.of(spec)
    state = _nameable(home) or writable("router state", home.path)
    if options.external:
        folder = Path(spec.base) / options.external.directory
        found = commands("nginx", options.external.test, options.external.reload)
        return [found, writable("nginx directory", folder), state]
    return [program("nginx"), port(spec.listen, {process.pid for process in family(home)}), state]


def _nameable(home: Home) -> Finding | None:
    """None: nginx's file can name the folder."""
    try:
        checked_home(home)
    except ComportaError as error:
        return Finding(name="router state", ok=False, text=error.message, next=error.next)
    return None
