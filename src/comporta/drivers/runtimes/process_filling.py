"""How the instances of a release are launched, with every placeholder and secret filled in."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from comporta.drivers.runtimes.process_members import MARKER
from comporta.drivers.runtimes.process_options import fill
from comporta.drivers.runtimes.process_seat import seat_of
from comporta.drivers.runtimes.process_supervisor import Launch
from comporta.model.errors import RuntimeFailure
from comporta.model.release import Occupant
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.ports.secrets import Secrets

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""What an instance gets of comporta's own environment."""


def fill_launches(spec: EnvironmentSpec, slot: Slot, occupant: Occupant, secrets: Secrets) -> dict[int, Launch]:
    """By index of the instance, from 1.

    Raises:
        RuntimeFailure: the release's folder or its program is not there.
        ConfigError: a secret is not defined.
    """
    version, launch = occupant.artifact.version, occupant.artifact.launch
    directory = Path(spec.base) / launch["directory"]
    if not directory.is_dir():
        raise RuntimeFailure(f"cannot start {version}: its folder {directory} is gone")
    launches = {}
    for index, port in enumerate(spec.ports(slot).take(occupant.instances), start=1):
        values = {
            "port": str(port),
            "host": spec.instance_host,
            "version": version,
            "slot": slot.value,
            "index": str(index),
            "directory": str(directory),
            "python": sys.executable,
        }
        own = {
            "PORT": str(port),
            "COMPORTA_SLOT": slot.value,
            "COMPORTA_INSTANCE": str(index),
            "COMPORTA_VERSION": version,
            "COMPORTA_RELEASE": str(occupant.release.number),
            MARKER: seat_of(spec, slot).marker,
        }
        configured = {name: fill(text, values, secrets.fill) for name, text in launch["env"].items()}
        env = {**inherited(), **secrets.env_file, **configured, **own}
        command = [fill(word, values) for word in launch["command"]]
        if not program_exists(command[0], directory, env["PATH"]):
            raise RuntimeFailure(
                f"cannot start {version}: there is no program {command[0]!r}",
                next="correct `release.process.command`, or install the program",
            )
        launches[index] = Launch(str(directory), command, env)
    return launches


def inherited() -> dict[str, str]:
    """The clean base of an instance's environment."""
    return {"PATH": os.defpath} | {name: os.environ[name] for name in INHERITED if name in os.environ}


def program_exists(word: str, directory: Path, path: str) -> bool:
    """Whether the first word of a command can be run from the folder of a release."""
    return shutil.which(directory / word if os.sep in word else word, path=path) is not None
