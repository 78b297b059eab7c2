"""Migrations: whatever stands in them is assessed for both engines, and what nobody can read is no safe migration."""

from __future__ import annotations

from comporta.drivers.migrators import sql_files
from comporta.model.migrations import Dialect
from comporta.safety.assessing import assess
from fuzz.scratch import documented, folder


def run(data: bytes) -> None:
    migrations = folder() / "migrations"
    migrations.mkdir(exist_ok=True)
    (migrations / "0001_fuzz.up.sql").write_bytes(data)
    with documented():
        (read,) = sql_files.read(migrations, folder())
        (script,) = read.migration.scripts or ()
        lines = script.sql.count("\n") + 1
        for dialect in Dialect:
            (found,) = assess([read.migration], dialect)
            assert all(1 <= hazard.line <= lines for hazard in (*found.hazards, *found.waived)), "no such line"
            assert all(hazard.message and hazard.remedy for hazard in found.hazards)
