"""What this machine has, or lacks, to route traffic with nginx. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.diagnosis import commands, port, program, writable
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.nginx_process import family
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec


def diagnose(spec: EnvironmentSpec, options: NginxOptions) -> list[Finding]:
    home = Home.of(spec)
    state = writable("router state", home.path)
    if options.external:
        folder = Path(spec.base) / options.external.directory
        found = commands("nginx", options.external.test, options.external.reload)
        return [found, writable("nginx directory", folder), state]
    return [program("nginx"), port(spec.listen, {process.pid for process in family(home)}), state]
