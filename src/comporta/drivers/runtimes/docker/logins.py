"""Who we are to a registry: as the config says, else as `docker login` stored it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import msgspec

from comporta.drivers.runtimes.docker.options import Registry
from comporta.ports.secrets import Secrets

HUB = "https://index.docker.io/v1/"


def headers(reference: str, registry: Registry | None, secrets: Secrets) -> dict[str, str]:
    """For a pull or a build of this image. What a build is based on is in the same registry, or in an open one."""
    host = registry_host(reference)
    login = _configured(registry, secrets) if registry else _stored(host)
    known = {"serveraddress": host, **login} if login else {}
    return {"X-Registry-Auth": _encoded(known), "X-Registry-Config": _encoded({host: known} if known else {})}


def registry_host(reference: str) -> str:
    """The registry in the name of an image: what stands before the first slash, if it looks like a host."""
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host else HUB


def _configured(registry: Registry, secrets: Secrets) -> dict[str, str]:
    return {"username": registry.username, "password": secrets.fill(registry.password)}


def _stored(host: str) -> dict[str, str]:
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        stored = msgspec.json.decode((folder / "config.json").read_bytes())["auths"][host]["auth"]
        username, _, password = base64.b64decode(stored).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError):
        # Nobody logged in, or the password is with a helper that only Docker's own client can ask.
        return {}
    return {"username": username, "password": password}


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()
