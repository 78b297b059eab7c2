"""Definitions → digests that say whether two schemas are the same, and where they differ."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

CAST = re.compile(
    r"""::(?:"[^"]+"|[a-z_][a-z0-9_.]*)"""
    r"(?: varying| precision)*(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])*"
)
"""PostgreSQL writes the casts and parentheses of an expression in another way once it was dumped and restored."""


def digests(definitions: Iterable[Sequence[str]]) -> dict[str, str]:
    """(kind, name, definition…), in any order → "kind name" → digest of all definitions with that name.

    Casts, parentheses and white space do not count.
    """
    found: dict[str, list[str]] = {}
    for kind, name, *rest in definitions:
        found.setdefault(f"{kind} {name}", []).append("\t".join(map(_plain, rest)))
    return {name: hashlib.sha256("\n".join(sorted(found[name])).encode()).hexdigest()[:16] for name in sorted(found)}


def _plain(text: str) -> str:
    return re.sub(r"[\s()]+", "", CAST.sub("", text))
