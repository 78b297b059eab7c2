"""The gates of a preflight, as a person sees them: a live table in a terminal, a line for each that ends in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from comporta.cli.base import composition, paint
from comporta.cli.printing import printable, say
from comporta.model.preflight import GateResult, GateState

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from comporta.app.preflight import Preflight

MARKS = {GateState.PASSED: ("✓", "green"), GateState.FAILED: ("✗", "red"), GateState.SKIPPED: ("-", "yellow")}
FRAMES_PER_SECOND = 8


class GateBoard:
    """Implements the Board.

    Args:
        to_stderr: standard output is kept for a JSON document.
        before: called first, to take another live line away.
    """

    def __init__(self, *, to_stderr: bool, before: Callable[[], None] = lambda: None) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._before = before
        self._names: Sequence[str] = ()
        self._ended: dict[str, GateResult] = {}
        self._began = 0.0
        self._live: Live | None = None

    def gates_begin(self, names: Sequence[str]) -> None:
        self._before()
        self._names, self._ended, self._began = names, {}, time.monotonic()
        if self._stream.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._stream, highlight=False)
            self._live = Live(console=console, get_renderable=self._table, refresh_per_second=FRAMES_PER_SECOND)
            self._live.start()

    def gate_ends(self, result: GateResult) -> None:
        self._ended[result.name] = result
        if self._live is None:
            say(line(result, self._width), file=self._stream)

    def gates_end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def _width(self) -> int:
        return max(len(name) for name in self._names)

    def _table(self) -> RenderableType:
        from rich.text import Text

        waiting = f"{'':{self._width}}  {time.monotonic() - self._began:6.1f} s"
        rows = [
            line(self._ended[name], self._width) if name in self._ended else f"… {name}{waiting[len(name) :]}"
            for name in self._names
        ]
        return Text.from_ansi(printable("\n".join(rows)), no_wrap=True, overflow="ellipsis")


def line(result: GateResult, width: int) -> str:
    """One gate that ended, in a line."""
    mark, color = MARKS[result.state]
    return f"{paint(mark, color)} {result.name:{width}}  {result.seconds:6.1f} s  {result.text}"


def preflight_of(
    config: Path | None,
    environment: str,
    *,
    as_json: bool,
    skip: bool = False,
    cache: bool = True,
    before: Callable[[], None] = lambda: None,
) -> Preflight:
    """How the gates of an environment are asked, and shown."""
    from comporta.app.preflight import Preflight

    found = composition()
    board = GateBoard(to_stderr=as_json, before=before)
    workshop = found.workshop(config, environment)
    return Preflight(workshop, board, lambda: found.diagnose(config, environment), skip=skip, cache=cache)
