"""What commits say about a release (Conventional Commits 1.0.0): how much changes, and the notes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from comporta.model.values import Value

HEADER = re.compile(r"(?P<type>[A-Za-z]+)(?:\((?P<scope>[^()\n]+)\))?(?P<breaking>!)?: (?P<text>\S.*)")
BREAKING = re.compile(r"^BREAKING[ -]CHANGE: (?P<text>\S.*)", re.MULTILINE)
PATCHES = ("fix", "perf", "revert")
SECTIONS = {"Breaking changes": "breaking", "Features": "feat", "Fixes": "fix", "Performance": "perf"}
"""Title in the notes → which commits stand there. All others stand under the last title."""
OTHERS = "Other changes"
RELEASE = "chore: release "


class Commit(Value, frozen=True):
    """One commit. `id` is its full hash, `parents` those of its parents; `message` begins with its subject."""

    id: str
    message: str
    parents: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def releases(self) -> str | None:
        """The version that this commit releases, if it was made by `comporta release`."""
        return self.subject.removeprefix(RELEASE) if self.subject.startswith(RELEASE) else None


def change_of(commits: Sequence[Commit], *, stable: bool) -> str | None:
    """The smallest change that these commits allow: "major", "minor", "patch"; None if none of them says.

    Args:
        stable: the version is 1.0.0 or later. Before that, what breaks raises only the minor number.
    """
    kinds = {_kind(commit) for commit in commits}
    if "breaking" in kinds:
        return "major" if stable else "minor"
    if "feat" in kinds:
        return "minor"
    return "patch" if kinds & {*PATCHES} else None


def notes_of(commits: Sequence[Commit]) -> str:
    """The notes in Markdown, by kind of change; the order within a kind is that of the commits."""
    lines: dict[str, list[str]] = {title: [] for title in (*SECTIONS, OTHERS)}
    titles = {kind: title for title, kind in SECTIONS.items()}
    for commit in commits:
        if commit.releases is None and len(commit.parents) < 2:
            lines[titles.get(_kind(commit), OTHERS)].append(_line(commit))
    blocks = [f"## {title}\n\n" + "\n".join(found) for title, found in lines.items() if found]
    return "\n\n".join(blocks)


def _kind(commit: Commit) -> str:
    match = HEADER.fullmatch(commit.subject)
    if match is None:
        return ""
    if match["breaking"] or BREAKING.search(commit.message):
        return "breaking"
    return match["type"].lower()


def _line(commit: Commit) -> str:
    match = HEADER.fullmatch(commit.subject)
    text = match["text"] if match and _kind(commit) in (*SECTIONS.values(), *PATCHES) else commit.subject
    scope = f"**{match['scope']}:** " if match and match["scope"] and text == match["text"] else ""
    footer = BREAKING.search(commit.message) if match else None
    why = f": {footer['text']}" if footer else ""
    return _plain(f"- {scope}{text}{why} ({commit.id[:7]})")


def _plain(text: str) -> str:
    """Without what would steer a terminal."""
    return "".join(c for c in text if c.isprintable())
