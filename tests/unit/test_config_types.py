"""Durations, percentages, ports and host names: what is read is what was meant, and nothing else gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from comporta.config import types
from comporta.config.types import Domain, Duration, GitName, Listen, Moment, Name, Percent, PortRange, Size, Tag
from comporta.model import spec

duration = TypeAdapter(Duration)
domain = TypeAdapter(Domain)
listen = TypeAdapter(Listen)
percent = TypeAdapter(Percent)
ports = TypeAdapter(PortRange)
scalars = st.text() | st.integers() | st.floats() | st.booleans() | st.none()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("2m", 120), ("1.5s", 1.5), ("1m250ms", 60.25), (7, 7), (0.5, 0.5)],
)
def test_durations_are_read_in_seconds(written: object, seconds: float) -> None:
    assert duration.validate_python(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "5", "5 s", "-5s", "5s1h", "5sec", "1e3s", "٣s", -1, float("nan"), 1e300, True, None, []]
)
def test_other_durations_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        duration.validate_python(written)


@given(st.integers(0, int(types.MAX_SECONDS * 1000)))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert duration.validate_python(types.duration_text(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("written", "fraction"), [("5%", 0.05), ("0.5 %", 0.005), ("100%", 1), (0.05, 0.05), (0, 0), (1.0, 1)]
)
def test_percentages_are_read_as_fractions(written: object, fraction: float) -> None:
    assert percent.validate_python(written) == pytest.approx(fraction)


@pytest.mark.parametrize("written", ["5", "101%", "-1%", "%", 5, 1, 1.01, -0.1, float("nan"), True, None])
def test_other_percentages_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        percent.validate_python(written)


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_a_range_of_ports_is_read_as_it_was_written_out(one: int, other: int) -> None:
    found = ports.validate_python(f"{min(one, other)}-{max(one, other)}")
    assert found == spec.PortRange(first=min(one, other), last=max(one, other))
    assert ports.validate_python(ports.dump_python(found, mode="json")) == found


@pytest.mark.parametrize(
    "written", ["8010-8001", "0-5", "1-65536", "8001", "8001 - 8010", "8001-", True, 0, 65536, 1.5]
)
def test_other_ranges_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        ports.validate_python(written)


def test_a_single_port_is_a_range_of_one() -> None:
    assert len(ports.validate_python(8001)) == 1


@given(
    st.text()
    | st.text("ab-.:0;{}$\n \"'\\#İ", max_size=12)
    | st.from_regex(re.compile(r"[a-zA-Z0-9.:-]*"), fullmatch=True)
)
def test_a_domain_is_refused_or_harmless(text: str) -> None:
    try:
        found = domain.validate_python(text)
    except ValidationError:
        return
    host, _, port = found.partition(":")
    assert re.fullmatch("[a-z0-9.-]+", host)
    assert re.fullmatch("[0-9]*", port)


@pytest.mark.parametrize(
    "written", ["shop.example", "localhost:3000", "SHOP.example", "127.0.0.1", "xn--bcher-kva.example"]
)
def test_host_names_are_domains(written: str) -> None:
    assert domain.validate_python(written) == written.lower()


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "a..b",
        "-a.b",
        "a-.b",
        "a_b",
        "*.shop.example",
        "shop.example.",
        "a:0",
        "a:",
        "a:80:80",
        "a/b",
        "a;b",
        "a b",
        "a\n",
        "bücher.example",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "${HOST}",
    ],
)
def test_others_are_not(written: str) -> None:
    with pytest.raises(ValidationError):
        domain.validate_python(written)


@pytest.mark.parametrize("written", ["127.0.0.1:8080", "0.0.0.0:80", "[::]:80", "[2001:db8::1]:65535"])
def test_addresses_to_listen_on(written: str) -> None:
    assert listen.validate_python(written) == written


@given(st.text() | st.text("0123456789.:[]%;{} \n", max_size=20))
def test_an_address_is_refused_or_harmless(text: str) -> None:
    try:
        found = listen.validate_python(text)
    except ValidationError:
        return
    assert re.fullmatch(r"[0-9a-fA-F.:\[\]]+", found)


@given(st.text() | st.text("ab-0A_./ \n", max_size=8))
def test_a_name_is_refused_or_harmless(text: str) -> None:
    try:
        found = TypeAdapter(Name).validate_python(text)
    except ValidationError:
        return
    assert re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", found)


@pytest.mark.parametrize(
    ("kind", "adapter"), [("text", duration), ("text", percent), ("text", ports), ("text", domain)]
)
@given(data=st.data())
def test_the_schema_accepts_what_is_read(kind: str, adapter: TypeAdapter[object], data: st.DataObject) -> None:
    written = data.draw(
        st.sampled_from(["1h", "90s", "5%", "0.5%", "8001-8010", "localhost:3000", "shop.example", "", "x y"])
    )
    schema = adapter.json_schema()
    pattern = next(part["pattern"] for part in [schema, *schema.get("anyOf", [])] if "pattern" in part)
    try:
        adapter.validate_python(written)
    except ValidationError:
        assert not re.search(pattern, written)
    else:
        assert re.search(pattern, written)


@pytest.mark.parametrize(
    ("written", "count"),
    [("1GiB", 1024**3), ("1.5 KiB", 1536), ("0B", 0), (7, 7)],
)
def test_sizes_are_read_in_bytes(written: object, count: int) -> None:
    assert TypeAdapter(Size).validate_python(written) == count


@given(st.integers(0, 2**60))
def test_a_size_reads_as_it_is_written(count: int) -> None:
    assert types.parse_size(types.size_text(count)) == count or count > 2**53


@pytest.mark.parametrize("written", ["1GB", "1 G", "-1B", "GiB", "", -1, 1.5, True, None])
def test_other_sizes_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Size).validate_python(written)


@pytest.mark.parametrize(
    "written", ["1970-01-02T00:00Z", "1970-01-02T01:00+01:00", "1970-01-01T19:00:00-05:00", 86400.0]
)
def test_a_moment_is_the_same_wherever_it_is_read(written: object) -> None:
    assert TypeAdapter(Moment).validate_python(written) == 86400


@pytest.mark.parametrize("written", ["2026-12-24T18:00", "2026-12-24", "Christmas", 5, True, None])
def test_a_moment_without_an_offset_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(written)


@pytest.mark.parametrize("written", ["main", "release/2.x", "my-remote", "_a"])
def test_names_in_git_are_read(written: str) -> None:
    assert TypeAdapter(GitName).validate_python(written) == written
    assert TypeAdapter(Tag).validate_python(f"{written}-{{version}}") == f"{written}-{{version}}"


@pytest.mark.parametrize(
    "written", ["", "-f", "--all", "a b", "a..b", "a//b", "a.lock", "a/", "a.", "a/.b", "a:b", "^a", "a~1", "a@{1}"]
)
def test_what_git_could_take_for_something_else_is_refused(written: str) -> None:
    for kind, text in ((GitName, written), (Tag, f"{written}{{version}}{written}")):
        if kind is Tag and written in ("", "a.", "a/"):
            continue
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize("written", ["v1", "{version}{version}", "-{version}", "v {version}", "{version}.lock"])
def test_a_tag_holds_the_version_once(written: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Tag).validate_python(written)
