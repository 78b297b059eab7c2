"""Conventional Commits: how much changes, and what the notes say."""

from __future__ import annotations

import pytest

from comporta.model.commits import Commit, change_of, notes_of


def commits(*messages: str) -> list[Commit]:
    return [Commit(id=f"{n}abcdef{n}" * 5, message=message, parents=("p",)) for n, message in enumerate(messages)]


@pytest.mark.parametrize(
    ("messages", "stable", "wanted"),
    [
        (["docs: say more", "fix: count right"], True, "patch"),
        (["fix: count right", "feat(api): ask more"], True, "minor"),
        (["feat!: ask otherwise"], True, "major"),
        (["feat!: ask otherwise"], False, "minor"),
        (["fix(api)!: answer otherwise"], True, "major"),
        (["fix: x\n\nmore\n\nBREAKING CHANGE: old keys are gone"], True, "major"),
        (["fix: x\n\nBREAKING-CHANGE: old keys are gone"], True, "major"),
        (["fix: x\n\nthis is no BREAKING CHANGE: at all"], True, "patch"),
        (["perf: faster"], True, "patch"),
        (["FIX: loud"], True, "patch"),
        (["docs: say more", "Merge branch 'x'", "fix the thing", "feat:no space", "chore: release 1.0.0"], True, None),
        ([], True, None),
    ],
)
def test_commits_say_how_much_changes(messages: list[str], stable: bool, wanted: str | None) -> None:
    assert change_of(commits(*messages), stable=stable) == wanted


def test_notes_are_ordered_by_kind() -> None:
    notes = notes_of(
        commits(
            "feat(api): ask more",
            "fix: count right",
            "feat!: drop it\n\nBREAKING CHANGE: write `b`",
            "docs: say\x1b[31m more",
            "anything",
            "chore: release 1.0.0",
        )
    )
    assert notes == (
        "## Breaking changes\n\n- drop it: write `b` (2abcdef)\n\n"
        "## Features\n\n- **api:** ask more (0abcdef)\n\n"
        "## Fixes\n\n- count right (1abcdef)\n\n"
        "## Other changes\n\n- docs: say[31m more (3abcdef)\n- anything (4abcdef)"
    )


def test_a_merge_says_nothing_of_its_own() -> None:
    assert notes_of([Commit(id="m" * 40, message="Merge branch 'x'", parents=("a", "b"))]) == ""
