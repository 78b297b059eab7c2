"""Values that know where in the file they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from comporta.config.source import Place

Scalar: TypeAlias = "str | int | float | bool | None"
Loc: TypeAlias = "tuple[str | int, ...]"


class Node(Struct, frozen=True):
    """A value of the file.

    Attributes:
        place: where the value begins.
        key: where the key that holds it begins; the same as `place` for list items and the root.
        path: its keys, for people: "health.checks[0].timeout"; empty for the root.
        raw: a scalar as it was written, without quotes.
    """

    content: Scalar | dict[str, Node] | list[Node]
    place: Place
    key: Place
    path: str = ""
    raw: str = ""

    @property
    def mapping(self) -> dict[str, Node]:
        """The children by key; none if this is not a mapping."""
        return self.content if isinstance(self.content, dict) else {}

    def child(self, part: str | int) -> Node | None:
        if isinstance(part, str):
            return self.mapping.get(part)
        items = self.content if isinstance(self.content, list) else []
        return items[part] if part < len(items) else None

    def deepest(self, loc: Loc) -> Node:
        """The node at `loc`, or the last one on the way there that is in the file."""
        here = self
        for part in loc:
            if is_kind(part):
                continue
            child = here.child(part)
            if child is None:
                break
            here = child
        return here

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: child.plain() for key, child in self.content.items()}
        if isinstance(self.content, list):
            return [child.plain() for child in self.content]
        return self.content

    def scalars(self) -> Iterator[Node]:
        """Every scalar below (or this one), in the order of the file."""
        if isinstance(self.content, dict | list):
            for child in self._children():
                yield from child.scalars()
        else:
            yield self

    def words(self) -> Iterator[str]:
        """Every key below, and every text (or this one)."""
        if isinstance(self.content, dict):
            yield from self.content
        for child in self._children():
            yield from child.words()
        if isinstance(self.content, str):
            yield self.content

    def _children(self) -> Iterable[Node]:
        if isinstance(self.content, dict):
            return self.content.values()
        return self.content if isinstance(self.content, list) else ()

    def only(self, *keys: str) -> Node:
        """This mapping with no other keys than these."""
        return replace(self, content={key: node for key, node in self.mapping.items() if key in keys})

    def without(self, *keys: str) -> Node:
        return self.only(*(self.mapping.keys() - set(keys)))

    def with_child(self, key: str, child: Node) -> Node:
        return replace(self, content={**self.mapping, key: child})


def is_kind(part: str | int) -> bool:
    """A part of a pydantic location that names the kind of a check ("<TcpCheck>"), not a key."""
    return isinstance(part, str) and part.startswith("<")


def overlay(below: Node, above: Node) -> Node:
    """`above` laid over `below`: mappings merge key by key, anything else replaces. Each value keeps its place."""
    if not (isinstance(below.content, dict) and isinstance(above.content, dict)):
        return above
    merged = dict(below.content)
    for key, node in above.content.items():
        merged[key] = overlay(merged[key], node) if key in merged else node
    return replace(above, content=merged)
