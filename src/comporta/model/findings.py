"""What `doctor` finds out about a machine."""

from __future__ import annotations

from comporta.model.values import Value


class Finding(Value, frozen=True):
    """One thing that was looked at. `next` is the command or edit that helps where it is not `ok`."""

    name: str
    ok: bool
    text: str
    next: str = ""
