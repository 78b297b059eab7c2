"""YAML 1.2 (core schema) → nodes. `yes` is text, `1.0` a number; keys are always text, and stand once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from comporta.config.nodes import Node, Scalar
from comporta.config.source import LINE_BREAK, Place, Problem

MAX_VALUES = 20_000
MAX_DEPTH = 50
WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def parse(text: str) -> Node:
    """The root of a YAML document.

    Raises:
        Problem: it is not YAML, not one mapping, or uses what has no place in a config file.
    """
    builder = _Builder(text)
    root = builder.document()
    if root.content is None:
        raise Problem(Place(), "cannot read the config: the file is empty", "`comporta init` writes a starter file")
    if not isinstance(root.content, dict):
        kind = "a list" if isinstance(root.content, list) else "text"
        raise Problem(
            root.place, f"cannot read the config: {kind} stands where keys are needed", "begin with `service: NAME`"
        )
    return root


class _Builder:
    """Builds nodes from the parser's events. An anchor is known once its value is complete: nothing contains itself."""

    def __init__(self, text: str) -> None:
        self.events = _events(text)
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.values = 0

    def document(self) -> Node:
        next(self.events)
        if _kind(next(self.events)) == "StreamEnd":
            return Node(None, Place(), Place())
        root = self.node(next(self.events), "", 0)
        next(self.events)
        if _kind(event := next(self.events)) != "StreamEnd":
            raise Problem(_place(event), "cannot read a second document", "remove it, from the line `---` on")
        return root

    def node(self, event: Any, path: str, depth: int) -> Node:
        before = self.values
        self.values += 1
        place = _place(event)
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            raise Problem(
                place, "cannot read the config: it is too large, or too deep", "write it without nesting it so"
            )
        if _kind(event) == "Alias":
            return self._alias(event, place)
        if getattr(event, "ctag", None):
            raise Problem(place, f"cannot read the tag {event.tag}", "remove it; write text in quotes")
        node = self._value(event, place, path, depth)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.values - before)
        return node

    def _value(self, event: Any, place: Place, path: str, depth: int) -> Node:
        if _kind(event) == "MappingStart":
            return Node(self._mapping(path, depth), place, place, path)
        if _kind(event) == "SequenceStart":
            return Node(self._sequence(path, depth), place, place, path)
        _check_text(event.value, place)
        plain = event.style is None and event.implicit[0]
        return Node(_scalar(event.value) if plain else event.value, place, place, path, event.value)

    def _alias(self, event: Any, place: Place) -> Node:
        if event.anchor not in self.anchors:
            raise Problem(place, f"cannot read *{event.anchor}: no such anchor stands above", "write the value itself")
        node, values = self.anchors[event.anchor]
        self.values += values
        return node

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while _kind(event := next(self.events)) != "SequenceEnd":
            items.append(self.node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        while _kind(event := next(self.events)) != "MappingEnd":
            key, place = self._key(event), _place(event)
            if key in children:
                raise Problem(
                    place,
                    f"cannot read `{key}` twice: it stands already in line {children[key].key.line}",
                    "remove one of the two",
                )
            child = self.node(next(self.events), f"{path}.{key}" if path else key, depth + 1)
            # An empty value has no place of its own: the parser names that of whatever comes next.
            at = place if child.content is None and not child.raw else child.place
            children[key] = replace(child, key=place, place=at)
        return children

    def _key(self, event: Any) -> str:
        if _kind(event) != "Scalar" or event.ctag:
            raise Problem(_place(event), "cannot read a key that is not plain text", "write `key: value`")
        _check_text(event.value, _place(event))
        key: str = event.value
        return key


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    place = Place()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            place = _place(event)
            yield event
    except MarkedYAMLError as error:
        raise _syntax_problem(text, error, place) from None
    except ReaderError as error:
        raise Problem(_place_of(text, error.position), "cannot read a control character", "remove it") from None
    except ValueError:  # what chr() says to "\U00110000"
        raise Problem(place, "cannot read an escape after this: there is no such character", "correct it") from None


def _syntax_problem(text: str, error: Any, place: Place) -> Problem:
    mark = error.problem_mark or error.context_mark
    # Where the parser has but one thing to say, it may say it as the context.
    problem = error.problem or error.context or "it is not well-formed"
    here = Place(mark.line + 1, mark.column + 1) if mark else place
    around = text[max(mark.index - 1, 0) : mark.index + 1] if mark else ""
    if around.endswith("\t"):
        return Problem(here, "cannot read a tab: YAML wants spaces", "replace the tab by spaces")
    if around == "${":
        variable = "a ${NAME} without quotes in a list or mapping"
        return Problem(here, f"cannot read the YAML: {variable}", 'put it in quotes: "${NAME}"')
    began = ""
    if error.problem and error.context_mark:
        began = f", {error.context} that begins in line {error.context_mark.line + 1}"
    return Problem(here, f"cannot read the YAML: {problem}{began}", _syntax_advice(problem))


def _syntax_advice(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "put the value in quotes if it holds a colon, or correct the indentation"
    if "that cannot start any token" in problem:
        return "put the value in quotes"
    return "close what is open, and give all keys of a mapping the same indentation"


def _scalar(text: str) -> Scalar:
    """A plain scalar's value. Numbers that do not fit 64 bits stay text."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text, 0 if text.startswith(("0o", "0x")) else 10)
    if FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _check_text(text: str, place: Place) -> None:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise Problem(place, "cannot read a character that no text can hold", "remove the escape")


def _kind(event: Any) -> str:
    return type(event).__name__.removesuffix("Event")


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _place_of(text: str, index: int) -> Place:
    before = LINE_BREAK.split(text[:index])
    return Place(len(before), len(before[-1]) + 1)
