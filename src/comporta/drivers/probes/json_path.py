"""Finding a value in a JSON document: "status", "data.items[0].id"."""

from __future__ import annotations

import re
from typing import Any

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class NotThere(Exception):
    """The document has nothing at the path."""


def value_at(document: Any, path: str) -> Any:
    """The value at the path.

    Raises:
        NotThere: some part of the path does not exist.
    """
    found = document
    for name, index in _PART.findall(path):
        try:
            found = found[int(index)] if index else found[name]
        except (KeyError, IndexError, TypeError):
            raise NotThere(path) from None
    return found
