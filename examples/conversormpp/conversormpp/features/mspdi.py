"""MSPDI, Microsoft Project's XML, as an output format (since 1.1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversormpp.exporters import Exporter

if TYPE_CHECKING:
    from conversormpp.release import Release


def add_to(release: Release) -> None:
    release.exporters["mspdi"] = Exporter("xml", "application/xml", lambda project, columns: project.mspdi())
