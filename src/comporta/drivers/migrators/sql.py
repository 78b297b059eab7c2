"""The driver `sql`: plain SQL files. This module is imported by every command, so it imports little."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from comporta.drivers.migrators.places import ReleaseFolder
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.migrator import Migrator
from comporta.ports.secrets import Secrets


class SqlOptions(BaseModel):
    """Attributes: `directory`: the folder of a release's SQL files, relative to the config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: ReleaseFolder = "releases/{version}/migrations"


def _build(spec: EnvironmentSpec, options: SqlOptions, clock: Clock, secrets: Secrets) -> Migrator:
    from comporta.drivers.migrators.database import opener
    from comporta.drivers.migrators.sql_migrator import SqlMigrator

    return SqlMigrator(Path(spec.base), options.directory, opener(spec, clock, secrets))


def _diagnose(spec: EnvironmentSpec, options: SqlOptions) -> list[Finding]:
    from comporta.drivers.migrators.diagnosis import diagnose

    return diagnose()


driver = Driver(options=SqlOptions, build=_build, diagnose=_diagnose)
