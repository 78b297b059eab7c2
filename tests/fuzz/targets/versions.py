"""Versions, by themselves and in the files that state them: read as semver.org has it, and put in order."""

from __future__ import annotations

import re

from comporta.drivers.runtimes.versions import check_version
from comporta.model.version_files import version_in, with_version
from comporta.model.versions import CHANGES, LABELS, built, following, parse
from fuzz.scratch import documented

# The expression that semver.org itself gives, written in its own way.
OFFICIAL = re.compile(
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\Z",
    re.ASCII,
)
NEW = parse("7.0.1-rc.3")
FOLDER = re.compile(r"[^/\0\s]{1,128}")
"""What is one folder's name on every system, and never `..`."""


def run(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with documented():
        check_version(text)
        assert FOLDER.fullmatch(text)
        assert text[0] not in ".-"
    with documented():
        _check(text)
    for file in ("VERSION", "pyproject.toml", "package.json"):
        with documented():
            old = version_in(file, text)
            assert version_in(file, with_version(file, text, old)) == old
            assert version_in(file, with_version(file, text, NEW)) == NEW


def _check(text: str) -> None:
    version = parse(text)
    assert OFFICIAL.match(text)
    assert str(version) == text
    assert not version < version
    with documented():
        assert parse(str(built(version, "7", "4f3a2b1"))).build == ("4f3a2b1",)
    for change in CHANGES:
        assert version < following(version, change)
        with documented():
            assert version < following(version, change, LABELS[0])
