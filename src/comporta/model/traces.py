"""What happened in one deployment, as tracing tools want it."""

from __future__ import annotations

from comporta.model.values import Value

Attributes = dict[str, str | int | float | bool]


class Span(Value, frozen=True):
    """A part of a trace.

    Attributes:
        id: 16 hexadecimal digits; parent: the same, empty for a whole deployment that nothing else is above of.
        begins, ends: seconds since the epoch.
        error: what went wrong, in one line, and of which type it was; empty: nothing.
    """

    id: str
    parent: str
    name: str
    begins: float
    ends: float
    attributes: Attributes = {}
    error: str = ""
    error_type: str = ""


class Trace(Value, frozen=True):
    """The deployment's own span first, then its parts in the order in which they began.

    `id`: 32 hexadecimal digits.
    """

    id: str
    deployment: int
    spans: tuple[Span, ...]
