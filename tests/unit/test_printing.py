"""What is printed cannot steer a terminal, whoever wrote it."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from comporta.cli.printing import printable

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[6n\x9b31;1H\rpromoted\u202e\x00\ud800"


def test_what_steers_is_shown_and_colours_and_lines_stay() -> None:
    assert printable("\x1b[31mred\x1b[0m\n\ttab äöü 日本 ✓") == "\x1b[31mred\x1b[0m\n\ttab äöü 日本 ✓"
    shown = r"\u001b]0;owned\u0007\u001b[2J\u001b[6n\u009b31;1H\u000dpromoted\u202e\u0000\ud800"
    assert printable(HOSTILE) == shown


@given(st.text() | st.text("\x1b[m;0123456789\x07\x9b\n\ta"))
def test_nothing_but_colours_is_left_for_a_terminal_to_obey(text: str) -> None:
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", printable(text))
    assert all(c in "\n\t" or (not 0 <= ord(c) < 32 and not 127 <= ord(c) < 160) for c in without_colours)


@given(st.dictionaries(st.text(), st.text()))
def test_a_json_document_means_the_same(document: dict[str, str]) -> None:
    assert json.loads(printable(json.dumps(document, ensure_ascii=False))) == document
