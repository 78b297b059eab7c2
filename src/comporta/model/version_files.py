"""Where a version stands in a file, and how it is replaced without touching anything else. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

from comporta.model import versions
from comporta.model.errors import UsageError
from comporta.model.versions import Version

Keys = tuple[str, ...]
READERS: dict[str, Callable[[str], Any]] = {"pyproject.toml": tomllib.loads, "package.json": json.loads}
PLACES: dict[str, tuple[Keys, ...]] = {
    "pyproject.toml": (("project", "version"), ("tool", "poetry", "version")),
    "package.json": (("version",),),
}
"""File name → where in it a version may stand; the first that is there counts. Any other file holds nothing else."""


def version_in(file: str, text: str) -> Version:
    """The version that the file states.

    Args:
        file: its path, with `/`; the last part decides how it is read.

    Raises:
        UsageError: there is none, or it is not a semantic version.
    """
    try:
        return versions.parse(_written(file, text))
    except UsageError as error:
        raise UsageError(f"cannot read the version in {file}: {error.message}", next=error.next) from None


def with_version(file: str, text: str, version: Version) -> str:
    """The text with another version; every other character stays.

    Raises:
        UsageError: the version is not written in one place that could be replaced.
    """
    old = _written(file, text)
    if _name(file) not in READERS:
        return text.replace(old, str(version), 1)
    wanted = _parsed(file, text)
    *above, last = _place(file, wanted)
    table = wanted
    for key in above:
        table = table[key]
    table[last] = str(version)
    for found in re.finditer(re.escape(old), text):
        changed = text[: found.start()] + str(version) + text[found.end() :]
        if _reads_as(file, changed, wanted):
            return changed
    raise UsageError(f"cannot change the version in {file}: it is not written there as {old}")


def _reads_as(file: str, text: str, wanted: Any) -> bool:
    """What makes the replacement safe: read again, nothing but the version differs."""
    try:
        return bool(READERS[_name(file)](text) == wanted)
    except (ValueError, RecursionError):
        return False


def _written(file: str, text: str) -> str:
    if _name(file) not in READERS:
        return text.strip()
    found = _parsed(file, text)
    for key in _place(file, found):
        found = found[key]
    return str(found)


def _parsed(file: str, text: str) -> Any:
    try:
        return READERS[_name(file)](text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {file}: {error}") from None


def _place(file: str, parsed: Any) -> Keys:
    for place in PLACES[_name(file)]:
        found = parsed
        for key in place:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return place
    raise UsageError(
        f"cannot find a version in {file}: there is no `{'.'.join(PLACES[_name(file)][0])}`",
        next="write one there, or name another file: `versions: {file: VERSION}`",
    )


def _name(file: str) -> str:
    return file.rpartition("/")[2]
