"""Reading logs that grow, rotate and are not always text."""

from __future__ import annotations

from pathlib import Path

import pytest

from comporta.drivers.runtimes.process_logs import BLOCK, Log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "instance-1.log"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def rotate(path: Path) -> None:
    """As supervisord does it."""
    for number in (1, 0):
        old = path.with_name(f"{path.name}.{number}") if number else path
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.touch()


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"", 3, []),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc\n", 3, ["a", "b", "c"]),
        (b"a\nb\nc\n", 9, ["a", "b", "c"]),
        (b"a\nb\nc\n", 0, []),
        (b"a\n\n\n", 2, ["", ""]),
        (b"a\nnot yet whole", 1, ["not yet whole"]),
        (b"windows\r\n10%\r20%\n", 2, ["windows", "10%\r20%"]),
        (b"\xff\xfe caf\xc3\xa9 \x1b[31m\n", 1, ["�� café \x1b[31m"]),
    ],
)
def test_the_last_lines_of_a_log(path: Path, content: bytes, lines: int, expected: list[str]) -> None:
    path.write_bytes(content)
    assert Log(path).last_lines(lines) == expected


def test_a_log_that_is_not_there_has_no_lines(path: Path) -> None:
    log = Log(path)
    assert (log.last_lines(5), log.new_lines()) == ([], [])


def test_the_last_lines_of_a_large_log_are_whole(path: Path) -> None:
    written = [f"{number} {'x' * 997}" for number in range(3 * BLOCK // 1000)]
    path.write_text("".join(f"{line}\n" for line in written))
    for lines in (1, 64, 65, 66, 67, 131, 150, 1000):
        assert Log(path).last_lines(lines) == written[-lines:]


def test_the_last_lines_go_on_in_what_rotation_put_aside(path: Path) -> None:
    append(path, b"one\ntwo\nthr")
    rotate(path)
    append(path, b"ee\nfour\n")
    rotate(path)
    append(path, b"five\n")
    assert Log(path).last_lines(3) == ["three", "four", "five"]
    assert Log(path).last_lines(9) == ["one", "two", "three", "four", "five"]


def test_new_lines_come_once_and_whole(path: Path) -> None:
    append(path, b"old\nolder\n")
    log = Log(path)
    log.last_lines(1)
    append(path, b"new\nha")
    assert log.new_lines() == ["new"]
    assert log.new_lines() == []
    append(path, b"lf\n")
    assert log.new_lines() == ["half"]


def test_a_rotation_loses_no_new_lines(path: Path) -> None:
    append(path, b"old\n")
    log = Log(path)
    log.last_lines(1)
    append(path, b"before\nin b")
    rotate(path)
    append(path, b"etween\nafter\n")
    assert log.new_lines() == ["before", "in between", "after"]


def test_a_log_that_begins_anew_is_read_from_its_beginning(path: Path) -> None:
    append(path, b"of the release before\n")
    log = Log(path)
    log.last_lines(1)
    path.unlink()
    assert log.new_lines() == []
    append(path, b"of the next\n")
    assert log.new_lines() == ["of the next"]


def test_a_log_that_appears_later_is_read_whole(path: Path) -> None:
    log = Log(path)
    assert log.new_lines() == []
    append(path, b"first\n")
    assert log.new_lines() == ["first"]
