"""What this machine has, or lacks, to route traffic with nginx. Changes nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from comporta.drivers.routers.nginx_external import parse_version
from comporta.drivers.routers.nginx_file import checked_home
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_options import ExternalNginx, NginxOptions
from comporta.drivers.routers.nginx_ports import require_free
from comporta.drivers.routers.nginx_process import executable, family
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec


def diagnose(spec: EnvironmentSpec, options: NginxOptions) -> list[Finding]:
    home = Home.of(spec)
    if options.external:
        folder = Path(spec.base) / options.external.directory
        return [_external(options.external), _writable("nginx directory", folder), _writable("router state", home.path)]
    return [_nginx(), _port(spec, home), _nameable(home) or _writable("router state", home.path)]


def _nginx() -> Finding:
    try:
        path = executable()
    except ComportaError as error:
        return Finding(name="nginx", ok=False, text=error.message, next=error.next)
    version = ".".join(map(str, parse_version([path, "-v"])))
    return Finding(name="nginx", ok=bool(version), text=f"{path}, version {version or 'unknown'}")


def _external(external: ExternalNginx) -> Finding:
    missing = [words[0] for words in (external.test, external.reload) if shutil.which(words[0]) is None]
    if missing:
        return Finding(
            name="nginx", ok=False, text=f"{missing[0]} is not installed", next="correct `external` in the config file"
        )
    return Finding(name="nginx", ok=True, text=f"reloaded with `{' '.join(external.reload)}`")


def _port(spec: EnvironmentSpec, home: Home) -> Finding:
    try:
        require_free(spec.listen, {process.pid for process in family(home)})
    except ComportaError as error:
        return Finding(name="router port", ok=False, text=error.message, next=error.next)
    return Finding(name="router port", ok=True, text=f"{spec.listen} is free, or ours")


def _nameable(home: Home) -> Finding | None:
    """None: nginx's file can name the folder."""
    try:
        checked_home(home)
    except ComportaError as error:
        return Finding(name="router state", ok=False, text=error.message, next=error.next)
    return None


def _writable(name: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    ok = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    text = f"{folder} can be written" if ok else f"cannot write {existing}"
    return Finding(name=name, ok=ok, text=text, next="" if ok else f"give this user write access to {existing}")
