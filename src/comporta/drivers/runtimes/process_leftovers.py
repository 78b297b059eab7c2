"""The folders of old releases: which may go, and how. A removal that is cut off leaves nothing that looks like one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from comporta.drivers.runtimes.process_artifact import identity
from comporta.model.errors import ArtifactMissing, RuntimeFailure
from comporta.model.release import Artifact, Leftover
from comporta.model.spec import EnvironmentSpec

BLOCK = 512
"""Bytes of a block as stat(2) counts them."""
SUFFIX = ".pruned"
"""What a folder on its way out is called: `.NAME.pruned`, which is no version's name."""


def folders_left(
    spec: EnvironmentSpec, known: Collection[Artifact], needed: Collection[Artifact]
) -> tuple[Leftover, ...]:
    """The folders of known releases, and what an earlier removal left of some."""
    base = Path(spec.base)
    kept = [base / directory for directory in _directories(needed)]
    found = []
    for directory, artifacts in _directories(known).items():
        path = base / directory
        half_gone = _aside(path)
        if half_gone.is_dir():
            found.append(_leftover(half_gone.relative_to(base), half_gone, artifacts[0]))
        if (was := _unneeded(path, artifacts, kept)) and not _holds(path, [base, Path(spec.state)]):
            found.append(_leftover(Path(directory), path, was))
    return tuple(found)


def remove(path: Path) -> None:
    """In one moment it is no release any more; then it goes.

    Raises:
        RuntimeFailure: some of it cannot be removed.
    """
    try:
        doomed = path
        if not path.name.endswith(SUFFIX):
            doomed = _aside(path)
            if path.is_dir():
                path.rename(doomed)
        if doomed.is_dir():
            shutil.rmtree(doomed)
    except OSError as error:
        raise RuntimeFailure(
            f"cannot remove {path}: {error}", next="see whose it is; then `comporta prune` goes on"
        ) from error


def _directories(artifacts: Collection[Artifact]) -> dict[str, list[Artifact]]:
    """Those that were released as folders, by their paths from the base."""
    found: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        if artifact.runtime == "process":
            found.setdefault(artifact.launch["directory"], []).append(artifact)
    return found


def _unneeded(path: Path, artifacts: Collection[Artifact], kept: Collection[Path]) -> Artifact | None:
    """Which of the releases stands there still, if it need not: a real folder with the very content that it had."""
    if path.is_symlink() or not path.is_dir() or _holds(path, kept) or any(_holds(one, [path]) for one in kept):
        return None
    try:
        now = identity(path)
    except ArtifactMissing:
        return None
    return next((artifact for artifact in artifacts if artifact.identity == now), None)


def _holds(path: Path, others: Collection[Path]) -> bool:
    """One of the others is there, or below."""
    return any(other.resolve().is_relative_to(path.resolve()) for other in others)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{SUFFIX}")


def _leftover(directory: Path, path: Path, artifact: Artifact) -> Leftover:
    return Leftover(kind="folder", version=artifact.version, parts=(str(directory),), bytes=sum(_sizes(path)))


def _sizes(path: Path) -> Iterator[int]:
    """What each file takes on the disk. One that has another name as well may take its room there."""
    for folder, _, names in os.walk(path):
        for name in names:
            status = (Path(folder) / name).lstat()
            yield status.st_blocks * BLOCK if status.st_nlink == 1 else 0
