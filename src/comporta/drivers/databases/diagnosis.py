"""What backing the database up and restoring it needs of this machine: programs that are not older than the server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import anyio

from comporta.drivers.databases.opening import database
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.database import Database
from comporta.ports.secrets import Secrets

if TYPE_CHECKING:
    from comporta.drivers.databases.postgresql import Postgresql

PROGRAMS = ("pg_dump", "pg_restore")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def diagnose(spec: EnvironmentSpec, secrets: Secrets) -> list[Finding]:
    """One finding where the config names a database; SQLite needs nothing."""
    if spec.database is None:
        return []
    try:
        found = database(secrets.fill(spec.database.url), Path(spec.base), Path(spec.state))
        return [_programs(found)] if _is_postgresql(found) else []
    except ComportaError as error:
        return [Finding(name="database", ok=False, text=error.message, next=error.next)]
    except ModuleNotFoundError as error:
        return [Finding(name="database", ok=False, text=str(error), next="pip install 'comporta[database]'")]


def _is_postgresql(found: Database) -> TypeGuard[Postgresql]:
    """Asked by its engine: the class is imported only where it is needed."""
    return found.engine == "postgresql"


def too_old(name: str, said: str, server: int) -> str:
    """What is wrong with a program that says this of its version; empty: nothing is, as it is not older."""
    found = VERSION.search(said)
    if found is None:
        return f"{name} does not tell its version: {said.strip()!r}"
    return f"{name} is of PostgreSQL {found[1]}" if int(found[1]) < server else ""


def _programs(found: Postgresql) -> Finding:
    """Raises MissingTool: one is not there. BackupFailed: the server does not answer."""
    from comporta.drivers.databases.postgresql_programs import program

    server = anyio.run(_major, found)
    versions = {name: _said(program(name, server)) for name in PROGRAMS}
    wrong = [text for name, said in versions.items() if (text := too_old(name, said, server))]
    text = "; ".join(wrong) if wrong else f"{' and '.join(PROGRAMS)} fit"
    advice = f"apt-get install postgresql-client-{server}"
    return Finding(name="database", ok=not wrong, text=f"{text}; the server is PostgreSQL {server}", next=advice)


async def _major(found: Postgresql) -> int:
    from comporta.drivers.databases.postgresql import major

    async with found.connected(found.name) as connection:
        return major(connection)


def _said(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
