"""Messages of commits, separated by NUL: how much changes, and notes of which nothing can steer a terminal."""

from __future__ import annotations

from comporta.model.commits import Commit, change_of, notes_of
from comporta.model.versions import CHANGES


def run(data: bytes) -> None:
    messages = data.decode("utf-8", "replace").split("\0")
    commits = [Commit(id=f"{n:040x}", message=message, parents=("p",)) for n, message in enumerate(messages)]
    stable, early = change_of(commits, stable=True), change_of(commits, stable=False)
    assert stable in (*CHANGES, None)
    assert early == (stable if stable != "major" else "minor")
    notes = notes_of(commits)
    assert all(character.isprintable() for line in notes.split("\n") for character in line)
    told = sum(line.startswith("- ") for line in notes.split("\n"))
    assert told == sum(commit.releases is None for commit in commits), "a commit is told once, or not at all"
