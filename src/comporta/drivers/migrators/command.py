"""The driver `command`: any migration tool. This module is imported by every command: it imports little."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from comporta.config.types import PositiveDuration
from comporta.drivers.migrators.places import EnvName, ReleaseFolder
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.migrator import Migrator
from comporta.ports.secrets import Secrets


def _shows_no_secret(words: tuple[str, ...]) -> tuple[str, ...]:
    if shown := re.search(r"\$\{\w+\}", " ".join(words)):
        raise ValueError(f"{shown[0]} on a command line is visible to every user: pass it through `env`")
    return words


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_shows_no_secret)]


class CommandOptions(BaseModel):
    """The commands of a migration tool, as words; no shell reads them. They run in the release's folder.

    Attributes:
        directory: the release's folder, relative to the config file.
        list: prints JSON: all migrations in order, each with `revision` and, if known, `title`, `file`, `sql`, `line`
            (of the SQL in the file) and `reversible`.
        current: prints the newest applied revision, or nothing.
        upgrade: applies `{revision}`, the next one.
        downgrade: undoes `{revision}`, the newest one, so that `{before}` is the newest.
        env: variables of the tool, beside those of the env file; secrets (`${NAME}`) are filled in.
        timeout: how long one run may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: ReleaseFolder = "releases/{version}"
    list: Words
    current: Words
    upgrade: Words
    downgrade: Words
    env: dict[EnvName, str] = {}
    timeout: PositiveDuration = 1800.0


def _build(spec: EnvironmentSpec, options: CommandOptions, clock: Clock, secrets: Secrets) -> Migrator:
    from comporta.drivers.migrators.command_tool import CommandTool
    from comporta.drivers.migrators.database import opener
    from comporta.drivers.migrators.program_migrator import ProgramMigrator

    tool = CommandTool(options.model_dump(include={"list", "current", "upgrade", "downgrade"}))
    opened = opener(spec, clock, secrets)
    base = Path(spec.base)
    return ProgramMigrator(tool, base, options.directory, options.env, options.timeout, opened, clock, secrets)


def _diagnose(spec: EnvironmentSpec, options: CommandOptions) -> list[Finding]:
    from comporta.drivers.migrators.diagnosis import diagnose

    return diagnose()


driver = Driver(options=CommandOptions, build=_build, diagnose=_diagnose)
