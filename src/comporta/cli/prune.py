"""`comporta prune`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told, wait_option, yes_option
from comporta.cli.printing import say


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@yes_option
@wait_option
@common
@told
def command(dry_run: bool, yes: bool, wait: int, environment: str, config: Path | None, as_json: bool) -> None:
    """Remove what old releases left behind: images, folders, containers that have ended.

    Whatever serves, is kept warm or for a look, or may be wanted by a rollback stays.
    """
    from comporta.app.leftovers import total
    from comporta.app.pruning import prune
    from comporta.cli.screen import counted
    from comporta.model.backups import bytes_text
    from comporta.model.values import to_json

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    try:
        pruned = execute(ctx, lambda: prune(ctx, dry_run=dry_run, wait=wait))
        screen.done()
    finally:
        screen.close()
    freed = total(pruned.removed)
    if as_json:
        print_json({"dry_run": dry_run, "removed": to_json(pruned.removed), "bytes": freed, "stay": pruned.stay})
    elif not pruned.removed:
        say(f"There is nothing to remove from {environment}.")
    else:
        removed = f"{counted(len(pruned.removed), 'leftover')} {'would be removed' if dry_run else 'removed'}"
        say(f"{removed}: at least {bytes_text(freed)} {'would be free' if dry_run else 'are free'}.")
        say(f"These stay: {', '.join(pruned.stay)}.")
