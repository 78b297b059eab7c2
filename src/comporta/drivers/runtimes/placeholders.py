"""Placeholders (`{port}`) and secrets (`${NAME}`) in what the config says of an instance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import StringConstraints

_PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")
_SECRET = re.compile(r"\$\{\w+\}")

EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def fill(text: str, values: Mapping[str, str], secrets: Callable[[str], str] = str) -> str:
    """The text with its placeholders and, by `secrets`, its `${NAME}` filled in, each exactly once."""
    pieces = _PLACEHOLDER.split(text)
    return "".join(values[piece] if i % 2 else secrets(piece) for i, piece in enumerate(pieces))


def check_placeholders(texts: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Refuse what would never be filled in.

    Raises:
        ValueError: names the first one that is not allowed.
    """
    for text in texts:
        if unknown := [name for name in _PLACEHOLDER.findall(text) if name not in allowed]:
            names = ", ".join(f"{{{name}}}" for name in allowed)
            raise ValueError(f"unknown placeholder {{{unknown[0]}}} in {text!r}; allowed: {names}")


def check_shows_no_secret(command: Iterable[str]) -> None:
    """Refuse a secret where everybody could read it.

    Raises:
        ValueError: names it.
    """
    if shown := _SECRET.search(" ".join(command)):
        raise ValueError(f"{shown[0]} on a command line is visible to every user: pass it through `env`")
