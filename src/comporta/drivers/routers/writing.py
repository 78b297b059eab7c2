"""Writing a proxy's file. Every value is checked once more here, so that none can smuggle in a directive."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from comporta.model.errors import RouterError
from comporta.model.spec import MaintenanceSpec

if TYPE_CHECKING:
    import jinja2

NAME = re.compile(r"[A-Za-z0-9_-]+")
DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
ADDRESS = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")

URL_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")


def checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    """The value. Raises RouterError if it does not match as a whole."""
    if pattern.fullmatch(value) is None:
        raise RouterError(
            f"cannot write the proxy's file: {value!r} is no valid {what}", next="correct it in the config file"
        )
    return value


class MaintenanceValues(Struct, frozen=True):
    """What a proxy's file says of maintenance: checked paths, and whole seconds."""

    retry_after: int
    exempt: list[str]
    always_ok: list[str]


def maintenance_values(spec: MaintenanceSpec) -> MaintenanceValues:
    """Raises RouterError: a value cannot stand in such a file."""
    return MaintenanceValues(math.ceil(spec.retry_after), _paths(spec.exempt), _paths(spec.always_ok))


def _paths(paths: Iterable[str]) -> list[str]:
    return [checked(URL_PATH, path, "path") for path in paths]


@cache
def template(name: str) -> jinja2.Template:
    """One of those beside this module."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("comporta.drivers.routers", ""),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # not HTML; `checked` lets nothing through that would need quoting
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
