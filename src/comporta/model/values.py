"""The base of every value type: immutable, typed, and writable to the journal as JSON."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen value. Equality is by content; it can be written to the journal and read back unchanged."""


def to_json(value: Any) -> Any:
    """The value as plain JSON types (dict, list, str, int, float, bool, None)."""
    return msgspec.to_builtins(value, str_keys=True)


def from_json(data: Any, kind: type[T]) -> T:
    """The inverse of `to_json`.

    Raises:
        msgspec.ValidationError: the data does not fit the type; the message names the place.
    """
    return msgspec.convert(data, kind, str_keys=True)
