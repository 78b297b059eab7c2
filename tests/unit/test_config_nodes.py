"""Merging: an environment laid over the top level."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comporta.config.nodes import Node, overlay
from comporta.config.source import Place

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
keys = st.sampled_from("abc")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(keys, values, max_size=3)


def node(value: object, line: int = 1) -> Node:
    place = Place(line, 1)
    if isinstance(value, dict):
        return Node({key: node(child, line) for key, child in value.items()}, place, place)
    if isinstance(value, list):
        return Node([node(child, line) for child in value], place, place)
    assert value is None or isinstance(value, bool | int | str)
    return Node(value, place, place)


@given(mappings)
def test_nothing_over_or_under_it_changes_nothing(value: dict[str, object]) -> None:
    assert overlay(node(value), node({})).plain() == value
    assert overlay(node({}), node(value)).plain() == value
    assert overlay(node(value), node(value)).plain() == value


@given(mappings, mappings)
def test_every_key_is_there_and_what_lies_above_wins(below: dict[str, object], above: dict[str, object]) -> None:
    merged = overlay(node(below), node(above)).plain()
    assert merged.keys() == below.keys() | above.keys()
    for key, value in merged.items():
        if key not in above:
            assert value == below[key]
        elif not (isinstance(above[key], dict) and isinstance(below.get(key), dict)):
            assert value == above[key]


@given(mappings, mappings)
def test_every_value_keeps_its_own_place(below: dict[str, object], above: dict[str, object]) -> None:
    merged = overlay(node(below, line=1), node(above, line=2))
    for key, value in merged.mapping.items():
        if key not in above:
            assert value.place.line == 1
        elif not isinstance(above[key], dict):
            assert value.place.line == 2
