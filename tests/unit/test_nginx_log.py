"""Counting lines of the access log, in real files."""

from __future__ import annotations

import fcntl
import io
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.drivers.routers.log_files import CHUNK, KEPT, LONG, move_aside, rename, whole_lines
from comporta.drivers.routers.nginx_log import request_log
from comporta.model.errors import RouterError
from comporta.model.figures import Counts, Reading
from comporta.model.histogram import Histogram


def line(release: str = "12", statuses: str = "200", header_times: str = "0.001", seconds: str = "0.010") -> str:
    return f"1700000000.000\t200\t{seconds}\tblue\t{release}\t{statuses}\t{header_times}\t127.0.0.1:8001\t99\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(line() * 3)
    return path


def test_only_whole_lines_after_the_cursor_count(log: Path) -> None:
    cursor = request_log(log).end()
    half = len(line()) // 2
    with log.open("a") as file:
        file.write(line() + line("13") + line()[:half])
    reading = request_log(log).read(cursor)
    assert (reading.of(12).requests, reading.of(13).requests) == (1, 1)
    assert request_log(log).end() == reading.cursor
    with log.open("a") as file:
        file.write(line()[half:])
    assert request_log(log).read(reading.cursor).of(12).requests == 1


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
    cursor = request_log(log).end()
    with log.open("a") as file:
        file.write(line(statuses=statuses, header_times=header_times))
    latencies = Histogram.of([] if app_errors or proxy_errors else [0.01])
    expected = Counts(requests=1, app_errors=app_errors, proxy_errors=proxy_errors, latencies=latencies)
    assert request_log(log).read(cursor).of(12) == expected


def test_what_is_no_line_of_ours_is_skipped(log: Path) -> None:
    cursor = request_log(log).end()
    with log.open("ab") as file:
        file.write(b"\n\xff\tnonsense\n" + line(seconds="-").encode() + line(release="").encode() + line().encode())
    assert request_log(log).read(cursor).total == Counts(requests=1, latencies=Histogram.of([0.01]))


@pytest.mark.parametrize(
    "odd",
    [
        line(seconds="inf"),
        line(seconds="nan"),
        line(seconds=""),
        line(release="-"),
        line(release="9" * 5000),
        line().replace("1700000000", "9" * 5000),
        line().replace("1700000000.000", "-"),
        line().replace("1700000000.000", "1700000000.017000000"),  # torn by a crash
        line().replace("\n", "\tmore\n"),
        "x" * 3 * CHUNK + "\n",
        "\0" * 1000 + line(),
    ],
)
def test_a_line_that_makes_no_sense_is_skipped_and_the_next_one_counts(log: Path, odd: str) -> None:
    cursor = request_log(log).end()
    with log.open("a") as file:
        file.write(odd + line("13"))
    assert request_log(log).read(cursor).total.requests == 1
    assert request_log(log).read(cursor).of(13).requests == 1


def test_endless_rubbish_is_read_only_once(log: Path) -> None:
    cursor = request_log(log).end()
    with log.open("ab") as file:
        file.write(b"\0" * 5 * CHUNK)
    cursor = request_log(log).read(cursor).cursor
    with log.open("ab") as file:
        file.write(b"\n" + line("13").encode())
    reading = request_log(log).read(cursor)
    assert reading.of(13).requests == 1
    assert int(cursor.rpartition(":")[2]) > 4 * CHUNK


@pytest.mark.parametrize("status", ["499", "101"])
def test_a_request_whose_time_tells_nothing_has_no_latency(log: Path, status: str) -> None:
    cursor = request_log(log).end()
    with log.open("a") as file:
        file.write(line(seconds="3600.000").replace("\t200\t3600", f"\t{status}\t3600"))
    assert request_log(log).read(cursor).of(12) == Counts(requests=1)


def test_a_clock_that_steps_back_loses_nothing(log: Path) -> None:
    cursor = request_log(log).end()
    with log.open("a") as file:
        file.writelines(line().replace("1700000000", str(second)) for second in (1700000005, 1700000001, 1700000005))
    reading = request_log(log).read(cursor)
    assert {figures.at: figures.counts.requests for figures in reading.figures} == {1700000005: 2, 1700000001: 1}


def test_a_log_that_was_cut_is_read_from_its_start(log: Path) -> None:
    cursor = request_log(log).end()
    log.write_text(line())
    assert request_log(log).read(cursor).of(12).requests == 1


def test_a_log_that_was_moved_is_read_to_its_end_first(log: Path) -> None:
    cursor = request_log(log).end()
    with log.open("a") as file:
        file.write(line() * 2)
    log.rename(log.with_name("access.log.1"))
    log.write_text(line("13"))
    reading = request_log(log).read(cursor)
    assert (reading.of(12).requests, reading.of(13).requests) == (2, 1)


def test_a_cursor_from_three_logs_ago_is_still_good(log: Path) -> None:
    cursor = request_log(log).end()
    for release in ("13", "14", "15"):
        with log.open("a") as file:
            file.write(line(release))
        rename(log)
        log.touch()
    reading = request_log(log).read(cursor)
    assert [reading.of(number).requests for number in (12, 13, 14, 15)] == [0, 1, 1, 1]
    rename(log)
    log.touch()
    assert request_log(log).read(reading.cursor).figures == ()
    assert sorted(path.name for path in log.parent.iterdir()) == [log.name, *(f"{log.name}.{n}" for n in (1, 2, 3))]


def test_what_a_slow_worker_still_writes_into_a_log_that_was_moved_counts(log: Path) -> None:
    with log.open("a") as slow:
        rename(log)
        log.write_text(line("13"))
        cursor = request_log(log).end()
        slow.write(line())
    assert request_log(log).read(cursor).of(12).requests == 1


def test_a_new_log_that_got_the_inode_of_a_deleted_one_is_new(log: Path) -> None:
    cursor = request_log(log).end()
    with log.open("r+") as file:  # the same inode for sure
        file.truncate()
        file.write(line("13") * 10)
    assert request_log(log).read(cursor).of(13).requests == 10


def test_a_log_is_moved_aside_only_when_it_is_long_or_gone(log: Path) -> None:
    assert not move_aside(log)
    os.truncate(log, LONG)
    assert move_aside(log)
    assert not log.exists()
    assert log.with_name("access.log.1").stat().st_size == LONG
    assert move_aside(log)
    assert [path.name for path in log.parent.iterdir()] == ["access.log.1"]


def test_a_log_that_nginx_has_not_begun_yet_is_no_error(log: Path) -> None:
    cursor = request_log(log).end()
    rename(log)
    assert request_log(log).read(cursor) == Reading(cursor=cursor)
    log.with_name("access.log.1").unlink()
    with pytest.raises(RouterError, match="there is no"):
        request_log(log).read(cursor)


def test_two_commands_move_a_log_aside_once(log: Path) -> None:
    os.truncate(log, LONG)
    with log.open("rb") as other, ThreadPoolExecutor() as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = pool.submit(move_aside, log)
        while [file.path for file in psutil.Process().open_files()].count(str(log)) < 2 and not waiting.done():
            time.sleep(0.001)
        rename(log)
        log.touch()
        fcntl.flock(other, fcntl.LOCK_UN)
        assert waiting.result() is False
    assert sorted(path.name for path in log.parent.iterdir()) == [log.name, f"{log.name}.1"]


STREAM = st.lists(st.one_of(st.none(), st.binary(max_size=80).filter(lambda data: b"\n" not in data)), max_size=30)
"""The lines of a log: None is a good one."""


@given(STREAM, st.integers(min_value=100, max_value=300))
def test_lines_are_the_same_in_portions_of_any_size(stream: list[bytes | None], size: int) -> None:
    lines = [line().encode()[:-1] if data is None else data for data in stream]
    file = io.BytesIO(b"".join(each + b"\n" for each in lines) + b"the beginning of one")
    portions = list(whole_lines(file, 0, size))
    assert [each for portion, _ in portions for each in portion] == lines
    assert [end for _, end in portions[-1:]] == ([sum(map(len, lines)) + len(lines)] if lines else [])


@given(STREAM, st.data())
def test_each_good_line_counts_once_however_the_log_is_written_moved_and_read(
    stream: list[bytes | None], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        log.touch()
        counted: list[int] = []
        cursor = request_log(log).end()
        writer = log.open("ab", buffering=0)
        moves = 0
        for number, odd in enumerate(stream):
            whole = line(str(number)).encode() if odd is None else odd + b"\n"
            cut = data.draw(st.integers(min_value=0, max_value=len(whole)))
            for piece in (whole[:cut], whole[cut:]):
                writer.write(piece)
                if moves < KEPT and log.exists() and data.draw(st.booleans()):
                    rename(log)
                    moves += 1
                if log.exists() and data.draw(st.booleans()):
                    reading = request_log(log).read(cursor)
                    cursor = reading.cursor
                    counted += [figures.release for figures in reading.figures]
                    moves = 0
            if not log.exists() and data.draw(st.booleans()):
                writer.close()
                writer = log.open("ab", buffering=0)
        writer.close()
        log.touch()
        counted += [figures.release for figures in request_log(log).read(cursor).figures]
        assert sorted(counted) == [number for number, odd in enumerate(stream) if odd is None]


def test_a_log_that_was_replaced_is_read_from_its_start(log: Path, tmp_path: Path) -> None:
    cursor = request_log(log).end()
    (tmp_path / "new").write_text(line() * 5)
    (tmp_path / "new").rename(log)
    assert request_log(log).read(cursor).of(12).requests == 5


def test_more_than_a_portion_is_read_whole(log: Path) -> None:
    cursor = request_log(log).end()
    count = 3 * CHUNK // len(line())
    with log.open("a") as file:
        file.write(line() * count)
    reading = request_log(log).read(cursor)
    assert reading.of(12).requests == count
    assert reading.cursor == request_log(log).end()


def test_a_cursor_of_somebody_else_is_refused(log: Path) -> None:
    with pytest.raises(RouterError, match="no cursor"):
        request_log(log).read('{"blue": 1}')


def timed(moment: int) -> str:
    return line().replace("1700000000.000", f"{moment}.000")


@given(moments=st.lists(st.integers(1000, 1100), max_size=300).map(sorted), wanted=st.integers(990, 1110))
def test_the_cursor_at_a_moment_leaves_out_exactly_what_was_before(moments: list[int], wanted: int) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        log.write_text("".join(timed(moment) for moment in moments))
        reading = request_log(log).read(request_log(log).at(wanted))
    assert reading.total.requests == sum(moment >= wanted for moment in moments)
