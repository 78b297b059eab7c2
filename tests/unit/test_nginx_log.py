"""Counting lines of the access log, in real files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.drivers.routers import nginx_log
from comporta.model.errors import RouterError
from comporta.model.figures import Counts
from comporta.model.histogram import Histogram


def line(release: str = "12", statuses: str = "200", header_times: str = "0.001", seconds: str = "0.010") -> str:
    return f"1700000000.000\t200\t{seconds}\tblue\t{release}\t{statuses}\t{header_times}\t127.0.0.1:8001\t99\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(line() * 3)
    return path


def test_only_whole_lines_after_the_cursor_count(log: Path) -> None:
    cursor = nginx_log.end_of(log)
    half = len(line()) // 2
    with log.open("a") as file:
        file.write(line() + line("13") + line()[:half])
    reading = nginx_log.read(log, cursor)
    assert (reading.of(12).requests, reading.of(13).requests) == (1, 1)
    assert nginx_log.end_of(log) == reading.cursor
    with log.open("a") as file:
        file.write(line()[half:])
    assert nginx_log.read(log, reading.cursor).of(12).requests == 1


@pytest.mark.parametrize(
    ("statuses", "header_times", "app_errors", "proxy_errors"),
    [
        ("200", "0.001", 0, 0),
        ("404", "0.001", 0, 0),
        ("500", "0.001", 1, 0),
        ("502", "0.001", 1, 0),
        ("502", "-", 0, 1),
        ("504", "-", 0, 1),
        ("502, 200", "-, 0.002", 0, 0),
        ("502, 504", "-, -", 0, 1),
        ("200 : 503", "0.001 : 0.002", 1, 0),
        ("-", "-", 0, 0),
    ],
)
def test_the_last_instance_asked_decides(
    log: Path, statuses: str, header_times: str, app_errors: int, proxy_errors: int
) -> None:
    cursor = nginx_log.end_of(log)
    with log.open("a") as file:
        file.write(line(statuses=statuses, header_times=header_times))
    latencies = Histogram.of([] if app_errors or proxy_errors else [0.01])
    expected = Counts(requests=1, app_errors=app_errors, proxy_errors=proxy_errors, latencies=latencies)
    assert nginx_log.read(log, cursor).of(12) == expected


def test_what_is_no_line_of_ours_is_skipped(log: Path) -> None:
    cursor = nginx_log.end_of(log)
    with log.open("ab") as file:
        file.write(b"\n\xff\tnonsense\n" + line(seconds="-").encode() + line(release="").encode() + line().encode())
    assert nginx_log.read(log, cursor).total == Counts(requests=1, latencies=Histogram.of([0.01]))


def test_a_log_that_was_cut_is_read_from_its_start(log: Path) -> None:
    cursor = nginx_log.end_of(log)
    log.write_text(line())
    assert nginx_log.read(log, cursor).of(12).requests == 1


def test_a_log_that_was_moved_is_read_to_its_end_first(log: Path) -> None:
    cursor = nginx_log.end_of(log)
    with log.open("a") as file:
        file.write(line() * 2)
    log.rename(log.with_name("access.log.1"))
    log.write_text(line("13"))
    reading = nginx_log.read(log, cursor)
    assert (reading.of(12).requests, reading.of(13).requests) == (2, 1)


def test_a_log_that_was_replaced_is_read_from_its_start(log: Path, tmp_path: Path) -> None:
    cursor = nginx_log.end_of(log)
    (tmp_path / "new").write_text(line() * 5)
    (tmp_path / "new").rename(log)
    assert nginx_log.read(log, cursor).of(12).requests == 5


def test_more_than_a_portion_is_read_whole(log: Path) -> None:
    cursor = nginx_log.end_of(log)
    count = 3 * nginx_log.CHUNK // len(line())
    with log.open("a") as file:
        file.write(line() * count)
    reading = nginx_log.read(log, cursor)
    assert reading.of(12).requests == count
    assert reading.cursor == nginx_log.end_of(log)


def test_a_cursor_of_somebody_else_is_refused(log: Path) -> None:
    with pytest.raises(RouterError, match="no cursor"):
        nginx_log.read(log, '{"blue": 1}')


def timed(moment: int) -> str:
    return line().replace("1700000000.000", f"{moment}.000")


@given(moments=st.lists(st.integers(1000, 1100), max_size=300).map(sorted), wanted=st.integers(990, 1110))
def test_the_cursor_at_a_moment_leaves_out_exactly_what_was_before(moments: list[int], wanted: int) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        log.write_text("".join(timed(moment) for moment in moments))
        reading = nginx_log.read(log, nginx_log.at(log, wanted))
    assert reading.total.requests == sum(moment >= wanted for moment in moments)
