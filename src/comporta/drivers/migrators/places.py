"""Where a release's migrations and programs are: a folder, relative to the folder of the config."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from comporta.model.errors import MigrationFailed
from comporta.model.release import Artifact


def _differs_by_version(written: str) -> str:
    if "{version}" not in written:
        raise ValueError("must hold {version}: each release brings its own migrations")
    return written


ReleaseFolder = Annotated[str, AfterValidator(_differs_by_version)]
"""A folder with `{version}` in it."""


EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def folder(base: Path, template: str, artifact: Artifact) -> Path:
    """The folder of a release.

    Raises:
        MigrationFailed: there is none, or the version would lead out of it.
    """
    version = artifact.version
    place = base / template.replace("{version}", version)
    if PurePath(version).name != version or version == "..":
        raise MigrationFailed(f"cannot look for the migrations of {version!r}: it is no plain name")
    if not place.is_dir():
        raise MigrationFailed(
            f"cannot find the migrations of {version}: there is no folder {place}",
            next="make it, even if it stays empty, or correct `database.migrations`",
        )
    return place
