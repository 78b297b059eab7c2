"""What HAProxy is told and tells, without HAProxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from comporta.drivers.routers.haproxy_log import request_log
from comporta.drivers.routers.haproxy_switch import TrafficMap, decode, encode
from comporta.model.figures import Counts
from comporta.model.traffic import ReleaseRef, Slot, Traffic, Weights
from comporta.testing.router_contract import BLUE, CLOSED, GREEN

FIRST = "comporta.shop.test\t1700000000123\t200\t5\tblue\t12\t--\t127.0.0.1:8001\t99\n"
releases = st.none() | st.builds(ReleaseRef, number=st.integers(1, 10**9), version=st.text())
shares = st.none() | st.integers(0, 100).map(lambda green: Weights(blue=100 - green, green=green))
counts = st.none() | st.integers(1, 99)
traffics = st.builds(
    Traffic, weights=shares, blue=releases, green=releases, blue_instances=counts, green_instances=counts
)


@given(traffics)
def test_traffic_can_be_read_back_from_one_word_that_begins_with_what_haproxy_takes_apart(traffic: Traffic) -> None:
    value = encode(traffic)
    assert decode(value) == traffic
    assert value.isascii()
    assert not set(value) & set(" \t\n\\;#'\"")
    share = value.split("|")[2]
    assert share == (str(traffic.weights.green) if traffic.weights else "closed")


def test_what_was_written_before_there_were_pools_is_still_read() -> None:
    before = "12||0|eyJ3ZWlnaHRzIjp7ImJsdWUiOjEwMCwiZ3JlZW4iOjB9LCJibHVlIjp7Im51bWJlciI6MTIsInZlcnNpb24iOiIxIn19"
    whole = Traffic().with_all_to(Slot.BLUE, ReleaseRef(number=12, version="1"))
    assert decode(before) == whole
    assert encode(whole) == before
    assert encode(replace(whole, blue_instances=2)).startswith("12||0|.2||eyJ")
    assert encode(replace(whole, green_instances=1)).startswith("12||0||.1|eyJ")


@pytest.mark.parametrize("value", ["", "12|13|5|", "12|13|5|e30", encode(BLUE).replace("12|", "13|", 1), "\x00|é"])
def test_what_comporta_did_not_write_is_no_traffic(value: str) -> None:
    assert decode(value) is None


def test_a_map_file_knows_what_was_before(tmp_path: Path) -> None:
    file = TrafficMap(tmp_path / "traffic.map")
    assert "is gone" in file.read()[1]
    for traffic, before in ((CLOSED, ""), (BLUE, encode(CLOSED)), (GREEN, encode(BLUE))):
        file.write(encode(traffic))
        assert file.read() == (traffic, "")
        assert file.values() == (encode(traffic), before)


@pytest.mark.parametrize(
    ("status", "ended", "expected"),
    [
        (200, "--", (0, 0, 1)),
        (404, "--", (0, 0, 1)),
        (500, "--", (1, 0, 0)),
        (503, "--", (1, 0, 0)),
        (503, "SC", (0, 1, 0)),  # refused
        (503, "sC", (0, 1, 0)),  # no connection in time
        (502, "SH", (0, 1, 0)),  # reset
        (502, "PH", (0, 1, 0)),  # no HTTP
        (504, "sH", (0, 1, 0)),  # no answer in time
        (200, "SD", (0, 1, 0)),  # cut in the middle
        (200, "sD", (0, 1, 0)),
        (200, "CD", (0, 0, 0)),  # the client left
        (500, "CD", (1, 0, 0)),
        (400, "CH", (0, 0, 0)),
        (408, "cR", (0, 0, 0)),
        (101, "CD", (0, 0, 0)),  # a WebSocket
        (101, "SD", (0, 0, 0)),
    ],
)
def test_who_ended_a_request_tells_whose_error_it_is(
    tmp_path: Path, status: int, ended: str, expected: tuple[int, int, int]
) -> None:
    counts = counted(tmp_path, FIRST.replace("200", str(status), 1).replace("--", ended))
    assert counts.requests == 1
    assert (counts.app_errors, counts.proxy_errors, counts.latencies.total) == expected


def test_a_line_is_dated_in_seconds_and_named_for_its_instance(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(FIRST + FIRST.replace("0123", "0999"))
    [figures] = request_log(log, "comporta.shop.test").read("0-0:0").figures
    assert (figures.at, figures.release, figures.address, figures.counts.requests) == (
        1700000000,
        12,
        "127.0.0.1:8001",
        2,
    )
    assert figures.counts.latencies.p50 == pytest.approx(0.005, rel=0.02)


@pytest.mark.parametrize(
    "line",
    [
        FIRST.replace("comporta.shop.test", "comporta.cafe.test"),
        FIRST.replace("\t12\t", "\t-\t"),  # chosen by header, or closed
        "127.0.0.1:1234 [01/Jan/2024] another format\n",
        "\n",
        "\0" * 5000 + "\n",
    ],
)
def test_what_is_no_request_of_ours_counts_for_nobody(tmp_path: Path, line: str) -> None:
    assert counted(tmp_path, line) == Counts()


def counted(folder: Path, text: str) -> Counts:
    log = folder / "access.log"
    log.write_text(text)
    return request_log(log, "comporta.shop.test").read("0-0:0").total
