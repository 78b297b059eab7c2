"""Configs to load, with options of drivers made for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from comporta.config.types import Duration, Percent, PortRange


class Process(BaseModel):
    model_config = ConfigDict(extra="forbid")

    directory: str = "."
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    grace: Duration = 10.0


class Docker(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: str
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    labels: list[str] = []


class Nginx(BaseModel):
    model_config = ConfigDict(extra="forbid")

    binary: Path = Path("nginx")
    debug: bool = False
    share: Percent = 0.5
    control: PortRange | None = None


class Sql(BaseModel):
    model_config = ConfigDict(extra="forbid")

    directory: str = "releases/{version}/migrations"


class Tool(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run: tuple[str, ...]


OPTIONS = {
    "runtimes": {"process": Process, "docker": Docker},
    "routers": {"nginx": Nginx},
    "migrators": {"sql": Sql, "tool": Tool},
}

GOOD = """\
service: shop
release:
  process: {command: [python3, -m, shop, --port, "{port}"]}
health:
  timeout: 5m
  checks:
    - {name: api, path: /health, expect: {status: ok}}
environments:
  production:
    domain: shop.example
    instances: 3
  development: {domain: "localhost:3000"}
"""
"""A right config: wrong ones are made of it."""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "comporta.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
