"""What the config may say under `release.process`, and how its texts are filled in when an instance starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from comporta.config.types import Duration

PLACEHOLDERS = ("port", "host", "version", "slot", "index", "directory", "python")
STOP_GRACE = 10.0

_PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")
_SECRET = re.compile(r"\$\{\w+\}")

EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class ProcessOptions(BaseModel):
    """A release is a folder, and its instances are processes on this host.

    Attributes:
        directory: the folder of a version, relative to the config file; the working directory of its instances.
        command: the words that start one instance; no shell reads them.
        env: variables of an instance. Secrets (`${NAME}`) belong here: a command line is visible to everybody.
        stop_grace: seconds between SIGTERM and SIGKILL.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: str = "releases/{version}"
    command: tuple[str, ...] = Field(min_length=1)
    env: dict[EnvName, str] = {}
    stop_grace: Duration = STOP_GRACE

    @field_validator("directory")
    @classmethod
    def _directory_differs_by_version(cls, directory: str) -> str:
        _check_placeholders([directory], allowed=("version",))
        if "{version}" not in directory:
            raise ValueError("must hold {version}: each version has a folder of its own")
        return directory

    @field_validator("command")
    @classmethod
    def _command_shows_no_secret(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        _check_placeholders(command)
        if shown := _SECRET.search(" ".join(command)):
            raise ValueError(f"{shown[0]} on a command line is visible to every user: pass it through `env`")
        return command

    @field_validator("env")
    @classmethod
    def _env_uses_known_placeholders(cls, env: dict[str, str]) -> dict[str, str]:
        _check_placeholders(env.values())
        return env


def fill(text: str, values: Mapping[str, str], secrets: Callable[[str], str] = str) -> str:
    """The text with its placeholders and, by `secrets`, its `${NAME}` filled in, each exactly once."""
    pieces = _PLACEHOLDER.split(text)
    return "".join(values[piece] if i % 2 else secrets(piece) for i, piece in enumerate(pieces))


def _check_placeholders(texts: Iterable[str], allowed: tuple[str, ...] = PLACEHOLDERS) -> None:
    for text in texts:
        if unknown := [name for name in _PLACEHOLDER.findall(text) if name not in allowed]:
            names = ", ".join(f"{{{name}}}" for name in allowed)
            raise ValueError(f"unknown placeholder {{{unknown[0]}}} in {text!r}; allowed: {names}")
