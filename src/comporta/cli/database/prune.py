"""`comporta database prune`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told
from comporta.cli.database.facts import facts, line
from comporta.cli.printing import say


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@common
@told
def command(dry_run: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Delete the backups that `database.backups.keep` does not keep.

    The last verified one always stays, and the last one from before a contract."""
    from comporta.app.backups import prune

    ctx, _ = open_context(environment, config, as_json=as_json)
    gone = execute(ctx, lambda: prune(ctx, dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "deleted": [facts(backup) for backup in gone]})
        return
    for backup in gone:
        say(f"{'would delete' if dry_run else 'deleted'} {line(backup)}")
    if not gone:
        say("There is nothing to delete.")
