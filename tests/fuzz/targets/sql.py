"""Migrations: whatever stands in them is assessed for both engines, and what nobody can read is no safe migration."""

from __future__ import annotations

from comporta.model.migrations import Dialect, Migration, Script
from comporta.safety.assessing import assess


def run(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    migration = Migration(revision="1", title="", file="1.up.sql", scripts=(Script(sql=text),), reversible=True)
    for dialect in Dialect:
        (found,) = assess([migration], dialect)
        lines = text.count("\n") + 1
        assert all(1 <= hazard.line <= lines for hazard in (*found.hazards, *found.waived)), "a line that is not there"
        assert all(hazard.message and hazard.remedy for hazard in found.hazards)
