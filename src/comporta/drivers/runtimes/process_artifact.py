"""What identifies the content of a release's folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from comporta.model.errors import ArtifactMissing

IGNORED_NAMES = {"__pycache__", ".git"}
IGNORED_SUFFIX = ".pyc"


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
