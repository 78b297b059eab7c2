"""`comporta database backup`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, reason_option, told
from comporta.cli.printing import say


@click.command("backup")
@reason_option
@click.option(
    "--verify/--no-verify", default=None, help="Restore and compare it at once (default: as the config says)."
)
@common
@told
def command(reason: str, verify: bool | None, environment: str, config: Path | None, as_json: bool) -> None:
    """Back up the database while it is used: one consistent snapshot, listed only when it is whole."""
    from comporta.app.backups import make_backup
    from comporta.cli.database.facts import facts, line

    ctx, screen = open_context(environment, config, as_json=as_json)
    with screen.showing("back up the database"):
        backup = execute(ctx, lambda: make_backup(ctx, reason or "by hand", verify=verify))
    if as_json:
        print_json(facts(backup))
    else:
        say(line(backup))
