"""What identifies a release's folder, and what the config of the process runtime accepts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from comporta.drivers.runtimes.placeholders import fill
from comporta.drivers.runtimes.process_artifact import identity
from comporta.drivers.runtimes.process_options import ProcessOptions
from comporta.drivers.runtimes.versions import versions
from comporta.model.errors import ArtifactMissing


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("one")
    (folder / "sub" / "b").write_text("two")
    (folder / "link").symlink_to("a")
    (folder / "linked-folder").symlink_to("sub")
    return folder


def relink(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("sub/b")


def swap(folder: Path) -> None:
    (folder / "a").write_text("two")
    (folder / "sub" / "b").write_text("one")


def replace_link_by_copy(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").write_text("one")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").write_text("onf"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "a").chmod(0o755),
        lambda folder: (folder / "sub" / "new").touch(),
        lambda folder: (folder / "sub" / "b").unlink(),
        lambda folder: (folder / "linked-folder").unlink(),
        relink,
        swap,
        replace_link_by_copy,
    ],
)
def test_every_change_of_the_content_is_another_identity(release: Path, change: Callable[[Path], object]) -> None:
    before = identity(release)
    change(release)
    assert identity(release) != before


def test_what_python_and_git_keep_beside_the_files_is_ignored(release: Path) -> None:
    before = identity(release)
    for name in ("__pycache__/x", ".git/HEAD", "sub/__pycache__/y.pyc", "sub/z.pyc"):
        (release / name).parent.mkdir(exist_ok=True)
        (release / name).write_text("x")
    os.utime(release / "a", (0, 0))
    (release / "a").chmod(0o600)
    assert identity(release) == before


def test_the_same_content_elsewhere_is_the_same_identity(release: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    (other / "linked-folder").symlink_to("sub")
    (other / "link").symlink_to("a")
    (other / "sub" / "b").write_text("two")
    (other / "a").write_text("one")
    assert identity(other) == identity(release)


def test_a_pipe_is_no_part_of_a_release(release: Path) -> None:
    os.mkfifo(release / "pipe")
    with pytest.raises(ArtifactMissing, match="pipe"):
        identity(release)


@pytest.mark.parametrize("template", ["app-{version}.d", "in/app-{version}.d", "app-{version}.d/build"])
def test_versions_are_found_by_the_shape_of_their_folder(tmp_path: Path, template: str) -> None:
    for version in ("1.0", "2.0+build.7"):
        (tmp_path / template.replace("{version}", version)).mkdir(parents=True)
    (tmp_path / "in" / "app-.d").mkdir(parents=True, exist_ok=True)
    (tmp_path / "app-3.0.d").touch()
    assert set(versions(tmp_path, template)) == {"1.0", "2.0+build.7"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": []}, "at least 1"),
        ({"command": ["run", "{prot}"]}, r"unknown placeholder \{prot\}.*allowed: \{port\}, \{host\}"),
        ({"command": ["run", "--key=${KEY}"]}, r"\$\{KEY\} on a command line is visible"),
        ({"command": ["run"], "env": {"A": "{nobody}"}}, r"unknown placeholder \{nobody\}"),
        ({"command": ["run"], "env": {"A=B": "x"}}, "pattern"),
        ({"command": ["run"], "directory": "releases"}, r"must hold \{version\}"),
        ({"command": ["run"], "directory": "{slot}/{version}"}, r"unknown placeholder \{slot\}"),
        ({"command": ["run"], "stop_grace": -1}, "not between 0 and a year"),
        ({"command": ["run"], "port": 1}, "Extra inputs"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ProcessOptions.model_validate(options)


def test_a_text_is_filled_in_once() -> None:
    values = {"port": "${A}", "host": "{port}"}
    text = fill("x ${A}{port}{host}", values, lambda literal: literal.replace("${A}", "{port}"))
    assert text == "x {port}${A}{port}"


def test_braces_that_are_no_placeholder_stay() -> None:
    options = ProcessOptions(command=("run", '{"json": {}}', "${"))
    assert [fill(word, {}) for word in options.command] == ["run", '{"json": {}}', "${"]
