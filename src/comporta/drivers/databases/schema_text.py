"""Definitions → a digest that says whether two schemas are the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

CAST = re.compile(
    r"""::(?:"[^"]+"|[a-z_][a-z0-9_.]*)"""
    r"(?: varying| precision| with(?:out)? time zone)*(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])*"
)
"""PostgreSQL writes the casts and parentheses of an expression in another way once it was dumped and restored."""


def digest(definitions: Iterable[tuple[str, ...]]) -> str:
    """Of (kind, name, definition…), in any order. Casts, parentheses and white space do not count."""
    lines = sorted("\t".join(_plain(part) for part in definition) for definition in definitions)
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _plain(text: str) -> str:
    return re.sub(r"[\s()]+", " ", CAST.sub("", text)).strip()
