"""What a person sees while a use case runs: one line a step, live in a terminal, plain in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from comporta.cli.base import as_called, paint
from comporta.cli.printing import printable, say
from comporta.model.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from comporta.analysis.verdict import Verdict
    from comporta.steps.plan import Plan
    from comporta.steps.step import Facts

PLAIN_NOTE_EVERY = 10.0
"""Seconds between two lines about the same wait, where lines cannot be overwritten."""
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_PER_SECOND = 10


class Screen:
    """Implements the Reporter and the Operator.

    Args:
        yes: planned questions are answered with yes.
        to_stderr: standard output is kept for a JSON document.
    """

    def __init__(self, *, yes: bool, to_stderr: bool) -> None:
        self._yes = yes
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._live: Live | None = None
        self._console: Console | None = None
        self._title = ""
        self._note = ""
        self._compared: tuple[str, str] | None = None
        self._began = time.monotonic()
        self._noted = self._began
        self._steps = 0
        if self._stream.isatty():
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=False)

    def stage(self, title: str) -> None:
        self.done()
        self._begin(title)

    def notice(self, text: str) -> None:
        self._line(f"{paint('note:', 'yellow')} {as_called(text)}")

    def planned(self, deployment: int, plan: Plan) -> None:
        self.done()
        self._steps = len(plan.steps)
        instead = f" instead of {plan.replaces.version}" if plan.replaces else ""
        self._line(f"Deployment {deployment}: {plan.release.version} to {plan.environment} ({plan.strategy}){instead}")

    def step_begins(self, index: int, title: str, *, undoing: bool, resumed: bool) -> None:
        place = paint(f"[{index + 1}/{self._steps}]", "cyan")
        self._begin(f"{place} {'again: ' if resumed else ''}{'undo: ' if undoing else ''}{title}")

    def step_ends(self, index: int, title: str, *, undoing: bool, facts: Facts, error: str) -> None:
        mark = paint("✗", "red") if error else paint("↩", "yellow") if undoing else paint("✓", "green")
        self._settle(mark, error or facts_line(facts))

    def note(self, text: str) -> None:
        self._note = text
        if self._console is None and time.monotonic() - self._noted >= PLAIN_NOTE_EVERY:
            self._noted = time.monotonic()
            say(f"    … {text}", file=self._stream)

    def verdict(self, verdict: Verdict, *, share: float, state: str) -> None:
        from comporta.cli import verdicts

        table = rows(verdicts.table(verdict, share))
        self._compared = (table, f"{verdicts.progress(verdict, state)}\n{verdicts.reasons(verdict)}")
        if self._console is None and time.monotonic() - self._noted >= PLAIN_NOTE_EVERY:
            self._noted = time.monotonic()
            say(f"    … {verdicts.brief(verdict, share)}; {state}", file=self._stream)

    def require_somebody_to_ask(self) -> None:
        """Refuse at once what would be refused at its question, perhaps after minutes of work.

        Raises:
            Refused: there is neither a terminal nor --yes.
        """
        if not self._yes and not self._can_ask():
            raise Refused("cannot ask for confirmation: there is no terminal", next="give --yes")

    async def confirm(self, question: str) -> bool:
        return self._yes or await self._ask(question)

    async def overrule(self, question: str) -> bool:
        return False if self._yes else await self._ask(question)

    async def insist(self, question: str) -> bool:
        return await self._answer(f"{question} Type yes: ") == "yes"

    def done(self) -> None:
        """The stage that was shown last, if any, went well."""
        if self._title:
            self._settle(paint("✓", "green"), "")

    @contextmanager
    def showing(self, title: str) -> Iterator[None]:
        """The title as a stage while the block runs."""
        self.stage(title)
        try:
            yield
            self.done()
        finally:
            self.close()

    def close(self) -> None:
        """Take the live line away; what was printed stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._title = ""

    def _can_ask(self) -> bool:
        return sys.stdin.isatty() and self._stream.isatty()

    async def _ask(self, question: str) -> bool:
        return (await self._answer(f"{question} [y/N] ")).lower() in ("y", "yes")

    async def _answer(self, question: str) -> str:
        """What a person typed; nothing where nobody can."""
        if not self._can_ask():
            return ""
        title = self._title
        self.close()
        say(question, nl=False, file=self._stream)
        # Not in a thread: a thread that reads cannot be cancelled by Ctrl-C.
        await anyio.wait_readable(sys.stdin)
        answer = sys.stdin.readline().strip()
        self._show(title)
        return answer

    def _begin(self, title: str) -> None:
        self._began = self._noted = time.monotonic()
        self._note = ""
        self._compared = None
        self._show(title)

    def _show(self, title: str) -> None:
        self._title = title
        if self._console is not None and self._live is None:
            from rich.live import Live

            self._live = Live(
                console=self._console,
                get_renderable=self._now,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=True,
            )
            self._live.start()

    def _now(self) -> RenderableType:
        """The live line: what is done, for how long, and what it waits for. One line, however narrow the terminal.

        Below it stands how a comparison goes, where there is one: a table, one line a row, and words, as many lines as
        they need.
        """
        from rich.console import Group
        from rich.text import Text

        seconds = time.monotonic() - self._began
        frame = paint(FRAMES[int(seconds * FRAMES_PER_SECOND) % len(FRAMES)], "cyan")
        title = printable(f"{frame} {self._title} ({seconds:.0f} s)")
        text = Text.from_ansi(title, no_wrap=True, overflow="ellipsis")
        text.append(f" {printable(self._note)}", style="dim")
        if self._compared is None:
            return text
        table, words = self._compared
        return Group(text, Text(table, no_wrap=True, overflow="ellipsis"), Text(words))

    def _settle(self, mark: str, text: str) -> None:
        title, seconds = self._title, time.monotonic() - self._began
        self.close()
        self._line(f"{mark} {title} ({seconds:.1f} s){': ' if text else ''}{text}")

    def _line(self, text: str) -> None:
        if self._console is not None and self._live is not None:
            from rich.text import Text

            self._console.print(Text.from_ansi(printable(text)), soft_wrap=True)
        else:
            say(text, file=self._stream)


def facts_line(facts: Facts) -> str:
    """What a step found out, in a few words."""
    parts: list[str] = []
    if "switch_seconds" in facts:
        parts.append(f"switched in {facts['switch_seconds'] * 1000:.1f} ms, proven from outside")
    if "requests" in facts:
        parts.append(f"{counted(facts['requests'], 'request')}, {facts['app_errors'] + facts['proxy_errors']} failed")
    if facts.get("cut"):
        parts.append(f"{counted(facts['cut'], 'connection')} cut at the deadline")
    if "attempts" in facts:
        parts.append(f"healthy after {counted(facts['attempts'], 'attempt')}")
    if "verdict" in facts:
        verdict = facts["verdict"]
        parts.append(f"{verdict['kind']} after {counted(verdict['candidate_requests'], 'request')} to the candidate")
    if "promoted_by" in facts:
        parts.append(f"promoted by {facts['promoted_by']}")
    if "cost" in facts:
        latency, cost = facts["latency"]["estimate"], facts["cost"]["estimate"]
        parts.append(f"{latency:.2f} times the latency of the release before, {1 / cost:.2f} times its throughput")
    if "compared" in facts:
        parts.append(facts["compared"])
    if "held" in facts:
        parts.append(f"bore {facts['held']:g} requests a second")
    if facts.get("overruled"):
        parts.append(f"failed and overruled: {', '.join(facts['overruled'])}")
    if "unhealthy" in facts:
        parts.append(facts["unhealthy"][0])
    if facts.get("found") == "in place":
        parts.append("already in place")
    return ", ".join(parts)


def counted(number: int, what: str) -> str:
    """ "1 request", "2 requests"."""
    return f"{number} {what}{'s' * (number != 1)}"


def rows(table: Sequence[tuple[Any, ...]]) -> str:
    """Aligned columns; the last one as long as it is."""
    if not table:
        return ""
    widths = [max(len(str(row[i])) for row in table) for i in range(len(table[0]) - 1)]
    return "\n".join(
        "  ".join([*(str(cell).ljust(width) for cell, width in zip(row, widths, strict=False)), str(row[-1])]).rstrip()
        for row in table
    )
