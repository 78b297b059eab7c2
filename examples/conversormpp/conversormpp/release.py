"""Which release this is: its `release.json` says the version, and the files in `features/` what it can do."""

from __future__ import annotations

import importlib
import json
import pkgutil
import socket
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from conversormpp import features
from conversormpp.exporters import BASE_COLUMNS, BASE_EXPORTERS, Column, Exporter
from conversormpp.jobs import PING, Seat
from conversormpp.settings import Settings

CHECKOUT: dict[str, Any] = {"version": "2.0.0-dev"}


@dataclass
class Release:
    """What a feature may add to: output formats, columns, CSS, a search box."""

    version: str
    faults: dict[str, str]
    exporters: dict[str, Exporter] = field(default_factory=lambda: dict(BASE_EXPORTERS))
    columns: list[Column] = field(default_factory=lambda: list(BASE_COLUMNS))
    styles: list[str] = field(default_factory=list)
    search: bool = False

    def seat(self, settings: Settings) -> Seat:
        """The seat of the one worker that serves this release from this data directory."""
        name = f"{socket.gethostname()}:{settings.data_dir}:{self.version}"
        return Seat(name, self.version, (PING, *self.exporters))


@cache
def current() -> Release:
    """The release whose code is running. A checkout has no release.json, and every feature."""
    path = Path(__file__).parents[1] / "release.json"
    about = json.loads(path.read_text()) if path.exists() else CHECKOUT
    release = Release(version=about["version"], faults=about.get("faults", {}))
    for module in sorted(pkgutil.iter_modules(features.__path__), key=lambda module: module.name):
        importlib.import_module(f"{features.__name__}.{module.name}").add_to(release)
    return release
