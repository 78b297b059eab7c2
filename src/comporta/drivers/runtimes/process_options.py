"""What the config may say under `release.process`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from comporta.config.types import Duration
from comporta.drivers.runtimes.placeholders import EnvName, check_placeholders, check_shows_no_secret

PLACEHOLDERS = ("port", "host", "version", "slot", "index", "directory", "python")
STOP_GRACE = 10.0


class ProcessOptions(BaseModel):
    """A release is a folder, and its instances are processes on this host.

    Attributes:
        directory: the folder of a version, relative to the config file; the working directory of its instances.
        command: the words that start one instance; no shell reads them.
        env: variables of an instance. Secrets (`${NAME}`) belong here: a command line is visible to everybody.
        stop_grace: seconds between SIGTERM and SIGKILL.
        keep_releases: so many folders of releases that served before are kept for a rollback by `comporta prune`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: str = "releases/{version}"
    command: tuple[str, ...] = Field(min_length=1)
    env: dict[EnvName, str] = {}
    stop_grace: Duration = STOP_GRACE
    keep_releases: Annotated[int, Field(ge=1)] = 10

    @field_validator("directory")
    @classmethod
    def _directory_differs_by_version(cls, directory: str) -> str:
        check_placeholders([directory], allowed=("version",))
        if "{version}" not in directory:
            raise ValueError("must hold {version}: each version has a folder of its own")
        return directory

    @field_validator("command")
    @classmethod
    def _command_shows_no_secret(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        check_placeholders(command, PLACEHOLDERS)
        check_shows_no_secret(command)
        return command

    @field_validator("env")
    @classmethod
    def _env_uses_known_placeholders(cls, env: dict[str, str]) -> dict[str, str]:
        check_placeholders(env.values(), PLACEHOLDERS)
        return env
