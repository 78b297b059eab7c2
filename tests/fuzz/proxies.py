"""A config made of lines of text → the file that a proxy gets, held against the same file made of harmless values."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

from comporta.config import loading
from comporta.main import option_types
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Topology
from fuzz.scratch import documented, folder, written

Rendered = Callable[[EnvironmentSpec, Topology], str]
OPTIONS = option_types()
HARMLESS = ["shop", "production", "shop.example", "127.0.0.1:8080", "/a", "/b/", "60s", "2s", "100m", "10s", "4"]
"""What the lines of an input are, in this order; lines that are missing are these."""
LISTEN = re.compile(r"(?:[0-9.]+|\[[0-9a-fA-F:.]+\]):[1-9][0-9]{0,4}")


def render(lines: list[str], router: str, text_of: Rendered) -> str:
    """The file. Raises ComportaError: a value is refused."""
    values = [*lines, *HARMLESS[len(lines) :]]
    path = written(f"{router}.yml", json.dumps(_config(values, router)).encode())
    spec = loading.load(path, values[1], OPTIONS, None)
    assert LISTEN.fullmatch(spec.listen)
    instances = spec.instances
    topology = Topology(
        listen=spec.listen,
        server_name=spec.domain,
        blue=spec.addresses(Slot.BLUE, instances),
        green=spec.addresses(Slot.GREEN, instances),
        stages=spec.splits,
    )
    return text_of(spec, topology)


def fuzz(data: bytes, router: str, text_of: Rendered, skeleton: Callable[[str], Any], test: list[str]) -> None:
    """What the config takes gives a file with the same directives as a harmless one, which the proxy itself takes."""
    if not _taken:
        _require_taken(render([], router, text_of), router, test)
    lines = data.decode("utf-8", "replace").split("\n")[: len(HARMLESS)]
    with documented():
        found = render(lines, router, text_of)
        # How many instances there are, and at which shares they serve, does decide what stands in the file.
        expected = render([*HARMLESS[:10], *lines[10:]], router, text_of)
        assert skeleton(found) == skeleton(expected), "a directive that was not meant"
        _require_taken(found, router, test)


def _config(values: list[str], router: str) -> dict[str, Any]:
    service, environment, domain, listen, exempt, always, timeout, connect, size, retry, instances = values
    options = {"nginx": {"read_timeout": timeout, "client_max_body_size": size}, "haproxy": {"server_timeout": timeout}}
    return {
        "service": service,
        "release": {"process": {"command": ["true"]}},
        "proxy": {router: {**options[router], "connect_timeout": connect}},
        "router": router,
        "health": {"checks": [{"name": "api", "path": "/health"}]},
        "state": str(folder()),
        "maintenance": {"retry_after": retry, "exempt": [exempt], "always_ok": [always]},
        "environments": {
            environment: {"domain": domain, "listen": listen, "instances": int(instances) if instances.isdigit() else 2}
        },
    }


_taken: set[str] = set()


def _require_taken(text: str, router: str, test: list[str]) -> None:
    """The proxy's own word, once for each text: it takes longer than all the rest."""
    if text in _taken:
        return
    file = written(f"{router}.conf", text.encode())
    said = subprocess.run([*test, str(file)], capture_output=True, text=True, check=False, timeout=30)
    assert said.returncode == 0, f"{router} refuses what the config takes: {said.stdout}{said.stderr}"
    _taken.add(text)
