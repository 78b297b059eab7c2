"""Writing nginx's file. Every value is checked once more here, so that none can smuggle in a directive."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from comporta.drivers.routers.nginx_home import File, Home
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.writing import maintenance_values
from comporta.model.errors import RouterError
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Topology

if TYPE_CHECKING:
    import jinja2

NAME = re.compile(r"[A-Za-z0-9_-]+")
DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
ADDRESS = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
PATH = re.compile(r"""/[^"'\\$;{}#\x00-\x1f\x7f]*""")
USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")

LOSSLESS_RELOAD = (1, 27, 4)
"""From this version on, nginx can leave idle connections open over a reload."""
GENERATION = "@generation@"


def render(
    spec: EnvironmentSpec,
    options: NginxOptions,
    home: Home,
    topology: Topology,
    *,
    token: str,
    bypass: str,
    version: tuple[int, ...],
) -> File:
    """The file for a topology: a whole one for a nginx of our own, else the part for the http context.

    Raises:
        RouterError: a value cannot stand in such a file.
    """
    managed = options.external is None
    name = f"{spec.service}.{spec.environment}"
    maintenance = maintenance_values(spec.maintenance)
    text = _template().render(
        managed=managed,
        service=_checked(NAME, spec.service, "service name"),
        environment=_checked(NAME, spec.environment, "environment name"),
        name=name,
        # Variables are the whole nginx's: another service may be split at other shares.
        split=f"comporta_{hashlib.sha256(name.encode()).hexdigest()[:8]}",
        shares=_shares_of_green(topology.stages),
        home=checked_home(home),
        # Relative to nginx's own folder: resolving it costs three system calls instead of one for each part of a path.
        root="live" if managed else home.switch / "live",
        user=_worker_user(Path(spec.state)),
        slots={slot.value: _addresses(topology, slot) for slot in Slot},
        listen=_checked(ADDRESS, topology.listen, "address to listen on"),
        server_name=_checked(DOMAIN, topology.server_name, "domain"),
        token=_checked(NAME, token, "probe token"),
        bypass=_checked(NAME, bypass, "bypass token"),
        flag=home.maintenance,
        page=home.page,
        retry_after=maintenance.retry_after,
        exempt=_any_of(maintenance.exempt),
        always_ok=_any_of(maintenance.always_ok),
        keepalive_min_timeout=version >= LOSSLESS_RELOAD,
        options=options,
        generation=GENERATION,
    )
    generation = hashlib.sha256(text.encode()).hexdigest()[:16]
    return File(topology=topology, text=text.replace(GENERATION, generation), generation=generation)


def file_name(spec: EnvironmentSpec) -> str:
    """The name of our file among others."""
    service = _checked(NAME, spec.service, "service name")
    return f"comporta-{service}-{_checked(NAME, spec.environment, 'environment name')}.conf"


def checked_home(home: Home) -> str:
    """Raises RouterError: nginx's file cannot name the folder."""
    if PATH.fullmatch(str(home.path)) is None:
        raise RouterError(
            f"cannot write nginx's file: it cannot name {home.path}, for a character in it",
            next="let `state:` lead to a folder without quotes, `\\`, `$`, `;`, `#`, `{`, `}` or control characters",
        )
    return str(home.path)


def _addresses(topology: Topology, slot: Slot) -> list[str]:
    addresses = topology.addresses(slot)
    if not addresses:
        raise RouterError(f"cannot write nginx's file: slot {slot} has no instances")
    return [_checked(ADDRESS, address, "address of an instance") for address in addresses]


def _shares_of_green(stages: tuple[int, ...]) -> list[int]:
    """In percent: green is the candidate, or the other slot."""
    if not all(1 <= stage <= 99 for stage in stages):
        raise RouterError(f"cannot write nginx's file: stages are 1 to 99 percent, not {stages}")
    return sorted({share for stage in stages for share in (stage, 100 - stage)})


def _any_of(paths: list[str]) -> str:
    """A regular expression for these paths, and all that is below one that ends in `/`; empty without any."""
    words = (path.replace(".", r"\.") + ("" if path.endswith("/") else "$") for path in paths)
    return f"^(?:{'|'.join(words)})" if paths else ""


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if pattern.fullmatch(value) is None:
        raise RouterError(
            f"cannot write nginx's file: {value!r} is no valid {what}", next="correct it in the config file"
        )
    return value


def _worker_user(state: Path) -> str:
    """User and group of the workers: whoever owns the state directory can read the switch in it.

    Empty unless we are root, who alone can choose.
    """
    if os.geteuid() != 0:
        return ""
    owner = state.stat()
    try:
        user, group = pwd.getpwuid(owner.st_uid).pw_name, grp.getgrgid(owner.st_gid).gr_name
    except KeyError:
        return "root"
    return f"{_checked(USER, user, 'user name')} {_checked(USER, group, 'group name')}"


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("comporta.drivers.routers", ""),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # not HTML; `_checked` lets nothing through that would need quoting
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("nginx.conf.jinja")
