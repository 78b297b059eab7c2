"""What this machine has, or lacks, to route traffic with HAProxy. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.diagnosis import commands, port, program, writable
from comporta.drivers.routers.haproxy_home import Home
from comporta.drivers.routers.haproxy_options import ExternalHaproxy, HaproxyOptions
from comporta.drivers.routers.haproxy_process import family
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec


def diagnose(spec: EnvironmentSpec, options: HaproxyOptions) -> list[Finding]:
    home = Home.of(spec)
    state = writable("router state", home.path)
    if options.external:
        base = Path(spec.base)
        found = commands("haproxy", options.external.test, options.external.reload)
        folder = writable("haproxy directory", base / options.external.directory)
        return [found, folder, _socket(base, options.external), _log(base, options.external), state]
    return [program("haproxy"), port(spec.listen, {process.pid for process in family(home)}), state]


def _socket(base: Path, external: ExternalHaproxy) -> Finding:
    path = base / external.socket
    if path.is_socket():
        return Finding(name="haproxy socket", ok=True, text=f"{path} is there")
    return Finding(
        name="haproxy socket", ok=False, text=f"{path} is no socket", next=f"start HAProxy with -W -S {path}"
    )


def _log(base: Path, external: ExternalHaproxy) -> Finding:
    path = base / external.log
    if path.is_file():
        return Finding(name="haproxy log", ok=True, text=f"{path} is there")
    return Finding(
        name="haproxy log",
        ok=False,
        text=f"{path} is not there",
        next="let HAProxy's standard output be appended to it, in systemd with StandardOutput=append:<path>",
    )
