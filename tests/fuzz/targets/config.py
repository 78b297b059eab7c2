"""The config file, as every verb reads it: an environment by name, then each that the file has, and its drivers."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from comporta.config import loading
from comporta.drivers.env_secrets import EnvSecrets
from comporta.drivers.system_clock import SystemClock
from comporta.main import MIGRATORS, ROUTERS, RUNTIMES, option_types
from comporta.model.spec import DriverSpec, EnvironmentSpec
from comporta.model.values import to_json
from fuzz.scratch import documented, written

ENVIRON = {"HOME_URL": "http://127.0.0.1", "PASSWORD": "hunter2"}
OPTIONS = option_types()


def run(data: bytes) -> None:
    path = written("comporta.yml", data)
    names = ["production"]
    with documented():
        names += loading.environments(path, OPTIONS)
    for name in dict.fromkeys(names):
        with documented():
            _use(path, name)


def _use(path: Path, environment: str) -> None:
    spec = loading.load(path, environment, OPTIONS, ENVIRON)
    json.dumps(to_json(spec))
    _build(RUNTIMES, spec, spec.runtime)
    _build(ROUTERS, spec, spec.router)
    if spec.database is not None and spec.database.migrator is not None:
        _build(MIGRATORS, spec, spec.database.migrator)


def _build(group: str, spec: EnvironmentSpec, chosen: DriverSpec) -> None:
    driver = _drivers(group)[chosen.name]
    secrets = EnvSecrets(Path(spec.env_file) if spec.env_file else None, ENVIRON)
    driver.build(spec, driver.options.model_validate(chosen.options), SystemClock(), secrets)


@cache
def _drivers(group: str) -> dict[str, Any]:
    return {entry.name: entry.load() for entry in entry_points(group=group)}
