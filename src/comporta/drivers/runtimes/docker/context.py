"""The folder that an image is built from, as the archive that the engine takes."""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import IO

import anyio.to_thread

CHUNK = 256 * 1024


class Ignored:
    """What `.dockerignore` leaves out: the last line that matches a path, or a folder above it, decides."""

    def __init__(self, lines: Collection[str]) -> None:
        written = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        self._rules = [(not line.startswith("!"), _pattern(line.removeprefix("!").strip())) for line in written]
        self._readmits = not all(ignores for ignores, _ in self._rules)

    def __contains__(self, path: str) -> bool:
        parts = path.split("/")
        above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        ignored = False
        for ignores, pattern in self._rules:
            if any(pattern.fullmatch(one) for one in above):
                ignored = ignores
        return ignored

    def whole(self, folder: str) -> bool:
        """Nothing in the folder is needed."""
        return folder in self and not self._readmits


def pack(folder: Path, *, needed: Collection[str], private: Collection[Path], into: IO[bytes]) -> None:
    """Write the folder as a tar archive, in a steady order and without owners: the engine's cache goes by content.

    Args:
        needed: paths that the engine reads whatever is ignored.
        private: what never gets into an image: our own state, and the secrets of the env file.
    """
    ignored = Ignored(_lines(folder / ".dockerignore"))
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in _names(folder, ignored, private):
            if name in needed or name not in ignored:
                archive.add(folder / name, arcname=name, recursive=False, filter=_without_owner)


async def chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The file from its beginning, without holding up anything else."""
    file.seek(0)
    while chunk := await anyio.to_thread.run_sync(file.read, CHUNK):
        yield chunk


def _names(folder: Path, ignored: Ignored, private: Collection[Path]) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        kept = sorted(name for name in folders if here / name not in private)
        relative = {name: (here / name).relative_to(folder).as_posix() for name in [*kept, *files]}
        folders[:] = [name for name in kept if not ignored.whole(relative[name])]
        yield from (relative[name] for name in sorted([*folders, *files]) if here / name not in private)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _pattern(written: str) -> re.Pattern[str]:
    """`*` and `?` stay within a name, `**` stands for any folders."""
    pieces = re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", posixpath.normpath(written.lstrip("/")))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(_piece(piece, known) for piece in pieces), re.DOTALL)


def _piece(piece: str, known: dict[str, str]) -> str:
    return known.get(piece) or (piece if re.fullmatch(r"\[[^\]]+\]", piece) else re.escape(piece))


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
