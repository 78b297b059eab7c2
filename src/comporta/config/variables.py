"""The syntax of `${NAME}`: what it names, how it is filled in, and `$${` for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Callable

VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")
"""An escape, a variable (with its name as the group), or a `${` that is neither."""


def names(text: str) -> list[str]:
    """The names in the text, in order."""
    return [match[1] for match in VARIABLE.finditer(text) if match[1]]


def malformed(text: str) -> bool:
    """Some `${` is neither escaped nor followed by a name and `}`."""
    return any(match[0] == "${" for match in VARIABLE.finditer(text))


def has_variable(text: str) -> bool:
    return any(match[0] != "$${" for match in VARIABLE.finditer(text))


def fill(text: str, value: Callable[[str], str]) -> str:
    """The text with `value(NAME)` for each `${NAME}`, and `${` for each `$${`."""
    return VARIABLE.sub(lambda match: value(match[1]) if match[1] else "${", text)
