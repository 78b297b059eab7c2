"""How the instances of a release are launched, with every placeholder and secret filled in."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from comporta.drivers.runtimes.placeholders import fill
from comporta.drivers.runtimes.process_members import INSTANCE, MARKER
from comporta.drivers.runtimes.process_seat import seat_of
from comporta.drivers.runtimes.process_supervisor import Launch
from comporta.model.errors import RuntimeFailure
from comporta.model.release import Occupant
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.ports.secrets import Secrets

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""What an instance gets of comporta's own environment."""
ROOM = 16
"""So many instances a slot can be scaled to at any time, if it has the ports: they are prepared when it is started."""


def fill_launches(spec: EnvironmentSpec, slot: Slot, occupant: Occupant, secrets: Secrets) -> dict[int, Launch]:
    """By index of the instance, from 1: those that the occupant has, and those that it may get later.

    Raises:
        RuntimeFailure: the release's folder or its program is not there.
        ConfigError: a secret is not defined.
    """
    version = occupant.artifact.version
    directory = Path(spec.base) / occupant.artifact.launch["directory"]
    if not directory.is_dir():
        raise RuntimeFailure(f"cannot start {version}: its folder {directory} is gone")
    room = max(occupant.instances, min(len(spec.ports(slot)), max(spec.instances, ROOM)))
    launches = {i: _launch(spec, slot, occupant, i, secrets) for i in range(1, room + 1)}
    for launch in launches.values():
        if not program_exists(launch.command[0], directory, launch.env["PATH"]):
            raise RuntimeFailure(
                f"cannot start {version}: there is no program {launch.command[0]!r}",
                next="correct `release.process.command`, or install the program",
            )
    return launches


def _launch(spec: EnvironmentSpec, slot: Slot, occupant: Occupant, index: int, secrets: Secrets) -> Launch:
    recorded = occupant.artifact.launch
    values = {
        "port": str(spec.ports(slot).first + index - 1),
        "host": spec.instance_host,
        "version": occupant.artifact.version,
        "slot": slot.value,
        "index": str(index),
        "directory": str(Path(spec.base) / recorded["directory"]),
        "python": sys.executable,
    }
    env = {
        **inherited(),
        **secrets.env_file,
        **{name: fill(text, values, secrets.fill) for name, text in recorded["env"].items()},
        "PORT": values["port"],
        "COMPORTA_SLOT": values["slot"],
        INSTANCE: values["index"],
        "COMPORTA_VERSION": values["version"],
        "COMPORTA_RELEASE": str(occupant.release.number),
        MARKER: seat_of(spec, slot).marker,
    }
    return Launch(values["directory"], [fill(word, values) for word in recorded["command"]], env)


def inherited() -> dict[str, str]:
    """The clean base of an instance's environment."""
    return {"PATH": os.defpath} | {name: os.environ[name] for name in INHERITED if name in os.environ}


def program_exists(word: str, directory: Path, path: str) -> bool:
    """Whether the first word of a command can be run from the folder of a release."""
    return shutil.which(directory / word if os.sep in word else word, path=path) is not None
