"""Versions by name: where the folder of each is, and which there are."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path, PurePath

from comporta.model.errors import ArtifactMissing, UsageError

SHOWN_VERSIONS = 10
NO_FOLDER = "no version has a folder yet: build one, or correct the path in the config"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def check_version(version: str) -> None:
    """Refuse what is no plain folder name, before it becomes part of a path.

    Raises:
        UsageError: the name could lead out of the folder of the releases.
    """
    if not _VERSION.fullmatch(version):
        raise UsageError(
            f"cannot use {version!r} as a version: it is no plain name",
            next="a version begins with a letter or digit, and goes on with letters, digits, '.', '_', '+' and '-'",
        )


def locate(base: Path, template: str, version: str) -> str:
    """The folder of a version, as a path from the base.

    Raises:
        UsageError: the version is no plain name.
        ArtifactMissing: there is no such folder; near and other versions are named.
    """
    check_version(version)
    directory = template.replace("{version}", version)
    if not (base / directory).is_dir():
        raise ArtifactMissing(
            f"cannot find version {version}: there is no folder {base / directory}",
            next=suggest(version, versions(base, template), none=NO_FOLDER),
        )
    return directory


def versions(base: Path, template: str) -> list[str]:
    """The versions that have a folder, the newest first."""
    parent, name = _split(template)
    shape = re.compile(re.escape(name).replace(re.escape("{version}"), f"({_VERSION.pattern})", 1))
    try:
        entries = [entry for entry in os.scandir(base / parent) if entry.is_dir()]
    except OSError:
        return []
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    return [match[1] for entry in entries if (match := shape.fullmatch(entry.name))]


def parent_folder(base: Path, template: str) -> Path:
    """The folder that the folders of the versions stand in."""
    return base / _split(template)[0]


def _split(template: str) -> tuple[PurePath, str]:
    """The part of the path before the one that holds {version}, and that one."""
    parts = PurePath(template).parts
    place = next(i for i, part in enumerate(parts) if "{version}" in part)
    return PurePath(*parts[:place]), parts[place]


def suggest(version: str, known: list[str], *, none: str) -> str:
    """The nearest of the known versions, and all of them; `none`: what to say where there are none."""
    if not known:
        return none
    near = difflib.get_close_matches(version, known, n=1)
    more = f" and {len(known) - SHOWN_VERSIONS} more" if len(known) > SHOWN_VERSIONS else ""
    listed = f"there are: {', '.join(known[:SHOWN_VERSIONS])}{more}"
    return f"did you mean {near[0]}? {listed}" if near else listed
