"""All that is printed for people. What services, commands and commits say may not steer the terminal it is shown on."""

from __future__ import annotations

import re
from typing import Any

import click

_STEERING = re.compile(
    r"(\x1b\[[0-9;]*m)"  # a colour, ours or theirs, does no harm
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but the tab and the end of a line; what turns the direction of text; halves of characters."""


def printable(text: str) -> str:
    r"""What would move the cursor, rename the window or ask the terminal something is shown as `\u001b`, say.

    So a JSON document stays one, and means the same.
    """
    return _STEERING.sub(lambda found: found[1] or f"\\u{ord(found[0]):04x}", text)


def say(text: str = "", **how: Any) -> None:
    """`click.echo` of printable text."""
    click.echo(printable(text), **how)
