"""A failed candidate that runs on for a look, as people read of it: until when, and how to look."""

from __future__ import annotations

from collections.abc import Sequence

from comporta.cli.base import as_called
from comporta.cli.times import clock_time
from comporta.model.traffic import Slot


def for_a_look(until: float) -> str:
    """`until`: epoch seconds."""
    return f"kept for a look until {clock_time(until)} (failed)"


def ways_to_look(slot: Slot, addresses: Sequence[str]) -> list[str]:
    """Where it answers, if any of it still runs, and what it writes."""
    urls = ", ".join(f"http://{address}" for address in addresses)
    return [*([f"ask it: {urls}"] if urls else []), f"read it: {as_called(f'`comporta logs --slot {slot}`')}"]
