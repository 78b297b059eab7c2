"""The driver `alembic`: the release's own Alembic. This module is imported by every command: it imports little."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from comporta.config.types import PositiveDuration
from comporta.drivers.migrators.places import EnvName, ReleaseFolder
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.migrator import Migrator
from comporta.ports.secrets import Secrets


class AlembicOptions(BaseModel):
    """How a release's Alembic is run.

    Attributes:
        directory: the release's folder, relative to the config file; Alembic runs there.
        config: its alembic.ini, relative to that folder.
        python: the Python that has the release's packages. `{python}` is comporta's own, `{directory}` that folder.
        env: variables of Alembic, beside those of the env file; secrets (`${NAME}`) are filled in.
        version_table: where Alembic notes the revision; with a schema, `schema.table`.
        timeout: how long one run may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: ReleaseFolder = "releases/{version}"
    config: str = "alembic.ini"
    python: str = "{python}"
    env: dict[EnvName, str] = {}
    version_table: str = "alembic_version"
    timeout: PositiveDuration = 1800.0


def _build(spec: EnvironmentSpec, options: AlembicOptions, clock: Clock, secrets: Secrets) -> Migrator:
    from comporta.drivers.migrators.alembic_tool import AlembicTool
    from comporta.drivers.migrators.database import opener
    from comporta.drivers.migrators.program_migrator import ProgramMigrator

    base = Path(spec.base)
    tool = AlembicTool(base, options.python, options.config, options.version_table)
    opened = opener(spec, clock, secrets)
    return ProgramMigrator(tool, base, options.directory, options.env, options.timeout, opened, clock, secrets)


def _diagnose(spec: EnvironmentSpec, options: AlembicOptions) -> list[Finding]:
    from comporta.drivers.migrators.diagnosis import diagnose

    return diagnose()


driver = Driver(options=AlembicOptions, build=_build, diagnose=_diagnose)
