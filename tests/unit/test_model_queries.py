"""Queries are filled in for a role, and nothing that is filled in can change what is asked."""

from __future__ import annotations

import pytest

from comporta.model.errors import MetricSourceFailure
from comporta.model.queries import fill, placeholders
from comporta.model.traffic import ReleaseRef, Slot


def filled(query: str, version: str = "1.2.0-rc.1+b7") -> str:
    return fill(query, Slot.GREEN, ReleaseRef(number=7, version=version))


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ('q{r="{release}", v="{version}", s="{slot}"}', 'q{r="7", v="1.2.0-rc.1+b7", s="green"}'),
        ('q{release="1"} + {release}', 'q{release="1"} + 7'),
        (
            'q{path="/{id}", x=~"a{2}", y="{Slot}{ slot }{{slot}}"}',
            'q{path="/{id}", x=~"a{2}", y="{Slot}{ slot }{green}"}',
        ),
        ("${slot} $${version}", "${slot} $${version}"),
    ],
)
def test_exactly_three_words_are_filled_in(query: str, asked: str) -> None:
    assert filled(query) == asked


@pytest.mark.parametrize(
    "version", ['1"} or vector(0) #', "1'", "1`", "1\\", "1\n", "${TOKEN}", "{slot}", "1 2", "1{", ""]
)
def test_a_version_that_could_break_out_is_refused(version: str) -> None:
    with pytest.raises(MetricSourceFailure, match="cannot fill the version") as told:
        filled('q{v="{version}"}', version)
    assert "{release}" in told.value.next
    assert filled('q{r="{release}"}', version) == 'q{r="7"}'


def test_a_query_tells_its_placeholders() -> None:
    assert placeholders('q{a="{slot}", b="{job}", c="${release}"} / {release}') == ["slot", "release"]
