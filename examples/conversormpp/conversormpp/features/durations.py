"""The tasks' durations as a column (since 1.1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversormpp.exporters import Column

if TYPE_CHECKING:
    from conversormpp.release import Release


def add_to(release: Release) -> None:
    release.columns.append(Column("Duration (h)", lambda task: task.hours))
