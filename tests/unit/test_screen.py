"""What a person sees of a canary while it runs, in a terminal and in a pipe."""

from __future__ import annotations

import io
import re
import sys

import pytest

from comporta.analysis.blocks import Block
from comporta.analysis.judge import Settings, begin, update
from comporta.analysis.verdict import Verdict, verdict
from comporta.cli import screen as module
from comporta.cli import verdicts
from comporta.cli.screen import Screen
from comporta.model.figures import Counts
from comporta.model.histogram import Histogram

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def counts(requests: int, seconds: float) -> Counts:
    return Counts(requests=requests, latencies=Histogram.of([seconds] * requests))


@pytest.fixture
def seen() -> Verdict:
    rules, state = Settings(), begin(counts(3000, 0.004))
    for second in range(60):
        block = Block(start=second, seconds=1, candidate=counts(25, 0.0004), stable=counts(225, 0.25), share=0.1)
        state = update(rules, state, block)
    return verdict(rules, state, 60)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(seen: Verdict, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the live table when it is drawn for the last time."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    screen = Screen(yes=True, to_stderr=False)
    screen.stage("judge the candidate at 10% of the traffic, at most 15m")
    screen.verdict(seen, share=0.1, state="49s left")
    screen.close()
    written = SEQUENCE.sub("", terminal.getvalue())
    return [line.rstrip() for line in written.split("judge the candidate")[-1].splitlines()]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_evidence_and_the_time_left_are_never_cut_off(
    seen: Verdict, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    lines = shown(seen, monkeypatch)
    words = " ".join(" ".join(lines).split())
    assert re.search(r"towards promotion \d+ %, towards abort \d+ %; 49s left", words)
    assert verdicts.reasons(seen) in words
    assert all(len(line) <= columns for line in lines)
    assert ("p99" in words) == (columns >= 80)


def test_times_are_told_as_finely_as_they_differ(seen: Verdict) -> None:
    _, candidate, stable = verdicts.table(seen, 0.1)
    assert (candidate[-1], stable[-1]) == ("0.4 ms", "252 ms")


def test_in_a_pipe_it_is_a_line_now_and_then(seen: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(module, "PLAIN_NOTE_EVERY", 0.0)
    screen = Screen(yes=True, to_stderr=False)
    screen.stage("judge")
    screen.verdict(seen, share=0.1, state="49s left")
    lines = sys.stdout.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert len(lines) == 1
    assert lines[0].startswith("    … candidate 10%: 1500 requests, 0.00% failed")
    assert lines[0].endswith("49s left")
