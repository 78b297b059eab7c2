"""`comporta release`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from comporta.cli.base import common, composition, execute, paint, print_json, told
from comporta.cli.printing import say

if TYPE_CHECKING:
    from comporta.app.releasing import Released


@click.command("release")
@click.argument("change", type=click.Choice(["major", "minor", "patch"]), required=False)
@click.option("--pre", type=click.Choice(["alpha", "beta", "rc"]), help="Make a pre-release: 1.4.0-rc.1, -rc.2 …")
@click.option(
    "--notes-file", type=click.File(encoding="utf-8"), help="Take the notes from a file (- is standard input)."
)
@click.option("--no-push", is_flag=True, help="Commit and tag here only.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@common
@told
def command(
    change: str | None,
    pre: str | None,
    notes_file: IO[str] | None,
    no_push: bool,
    dry_run: bool,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make the next version: write it to its file, commit, tag and push; all of it or nothing.

    Without CHANGE, the commits since the last version say how much changes (Conventional Commits). The name of the
    build has the number from $BUILD_NUMBER, or the time.
    """
    from comporta.app.releasing import Wish, release

    wish = Wish(
        change=change,
        label=pre,
        notes=notes_file.read() if notes_file else None,
        build=os.environ.get("BUILD_NUMBER", ""),
        push=not no_push,
        dry=dry_run,
    )
    bench = composition().releasing(config, environment)
    made = execute(bench, lambda: release(bench, wish))
    if as_json:
        print_json({**_facts(made), "dry_run": dry_run})
    else:
        _print(made, dry_run=dry_run, remote=bench.spec.remote)


def _facts(made: Released) -> dict[str, Any]:
    return {
        "version": str(made.version),
        "previous": str(made.previous) if made.previous else None,
        "build": made.build or None,
        "tag": made.tag,
        "commit": made.commit or None,
        "file": made.file,
        "notes": made.notes,
        "pushed": made.pushed,
        "finished_earlier": made.resumed,
    }


def _print(made: Released, *, dry_run: bool, remote: str) -> None:
    if made.resumed:
        found = paint("note:", "yellow")
        say(f"{found} the release of {made.version} was cut off, and {'is to be' if dry_run else 'is now'} finished")
    else:
        say(f"{made.previous} → {paint(str(made.version), 'green', bold=True)} ({made.file})")
    if made.notes:
        say(f"\n{made.notes}\n")
    if dry_run:
        say("Nothing was changed.")
        return
    if made.build:
        say(f"build {made.build}")
    where = f"pushed to {remote}" if made.pushed else "not pushed"
    say(f"{made.tag} tags {made.commit[:7]}, {where}")
