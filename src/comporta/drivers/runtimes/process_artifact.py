"""Where the folder of a version is, and what identifies its content."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

from comporta.model.errors import ArtifactMissing, UsageError

IGNORED_NAMES = {"__pycache__", ".git"}
IGNORED_SUFFIX = ".pyc"
SHOWN_VERSIONS = 10

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
            next=_suggest(version, versions(base, template)),
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


def identity(directory: Path) -> str:
    """`sha256:` over the sorted relative paths, exec bits, link targets and contents of a folder.

    What Python and Git keep beside the files is left out. Links are not followed.

    Raises:
        ArtifactMissing: something in it cannot be read, or is neither file nor link.
    """
    digest = hashlib.sha256()
    try:
        for name, path in sorted(_files(directory)):
            digest.update(_entry(name, path))
    except OSError as error:
        raise ArtifactMissing(f"cannot read the release in {directory}: {error}") from error
    return f"sha256:{digest.hexdigest()}"


def _entry(name: bytes, path: Path) -> bytes:
    """One file's part of the identity: digests of a fixed length, so that no two trees look alike."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        kind, content = b"link", hashlib.sha256(os.fsencode(os.readlink(path))).digest()
    elif stat.S_ISREG(mode):
        kind = b"exec" if mode & stat.S_IXUSR else b"file"
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
    else:
        raise ArtifactMissing(f"cannot use {path} in a release: it is neither a file nor a link")
    return kind + hashlib.sha256(name).digest() + content


def _files(directory: Path) -> Iterator[tuple[bytes, Path]]:
    for folder, subfolders, names in os.walk(directory, onerror=_fail):
        links = [name for name in subfolders if (Path(folder) / name).is_symlink()]
        subfolders[:] = [name for name in subfolders if name not in IGNORED_NAMES and name not in links]
        for name in names + links:
            if name not in IGNORED_NAMES and not name.endswith(IGNORED_SUFFIX):
                path = Path(folder) / name
                yield os.fsencode(path.relative_to(directory)), path


def _fail(error: OSError) -> None:
    raise error


def _split(template: str) -> tuple[PurePath, str]:
    """The part of the path before the one that holds {version}, and that one."""
    parts = PurePath(template).parts
    place = next(i for i, part in enumerate(parts) if "{version}" in part)
    return PurePath(*parts[:place]), parts[place]


def _suggest(version: str, known: list[str]) -> str:
    if not known:
        return "no version has a folder yet: build one, or correct `release.process.directory`"
    near = difflib.get_close_matches(version, known, n=1)
    more = f" and {len(known) - SHOWN_VERSIONS} more" if len(known) > SHOWN_VERSIONS else ""
    listed = f"there are: {', '.join(known[:SHOWN_VERSIONS])}{more}"
    return f"did you mean {near[0]}? {listed}" if near else listed
