"""What the config says of domain, addresses, paths and times, through the template, to nginx itself."""

from __future__ import annotations

import re
from pathlib import Path

from comporta.drivers.routers.external import parse_version
from comporta.drivers.routers.nginx_file import render
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Topology
from fuzz import proxies
from fuzz.scratch import folder

TOKEN = re.compile(r"""\s+|\#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{};]|(?:\$\{|[^\s{};"'])+""", re.DOTALL)
VERSION = parse_version(["nginx", "-v"])
NGINX = ["nginx", "-t", "-q", "-e", "stderr", "-c"]


def run(data: bytes) -> None:
    proxies.fuzz(data, "nginx", _text, _directives, NGINX)


def _text(spec: EnvironmentSpec, topology: Topology) -> str:
    home = Home(folder() / "nginx")
    home.prepare()
    options = NginxOptions.model_validate(spec.router.options)
    text = render(spec, options, home, topology, token="token", bypass="bypass", version=VERSION).text
    # nginx binds what it tests, and the address is one that others may be using: that it is one, was asserted.
    return text.replace(f"listen {topology.listen}", f"listen unix:{_socket()}")


def _socket() -> Path:
    socket = folder() / "nginx.sock"
    socket.unlink(missing_ok=True)
    return socket


def _directives(text: str) -> list[str]:
    """The first word of each directive, and each brace."""
    found: list[str] = []
    first = True
    for token in TOKEN.findall(text):
        if token.isspace() or token.startswith("#"):
            continue
        if token in "{};":
            found += [token] if token != ";" else []
        elif first:
            found.append(token)
        first = token in "{};"
    return found
