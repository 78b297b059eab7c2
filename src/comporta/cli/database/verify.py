"""`comporta database verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.database.options import identity_option, with_identity
from comporta.cli.printing import say
from comporta.model.errors import EXIT_FAILED, UsageError


@click.command("verify")
@click.argument("backup", required=False)
@click.option("--all", "every", is_flag=True, help="Every backup.")
@identity_option
@common
@told
def command(
    backup: str | None, every: bool, identity: Path | None, environment: str, config: Path | None, as_json: bool
) -> None:
    """Restore BACKUP (default: the newest) into a scratch database, and compare rows and schema.

    Exits with 1 if one is no good: it is never restored from then on.
    """
    from comporta.app.backups import verify_backups

    if backup and every:
        raise UsageError("cannot verify one backup and all of them", next="leave out BACKUP or --all")
    ctx, screen = open_context(environment, config, as_json=as_json)
    ctx = with_identity(ctx, identity)
    with screen.showing("verify backups" if every else "verify a backup"):
        checked = execute(ctx, lambda: verify_backups(ctx, backup, every=every))
    if as_json:
        print_json([{"id": one.id, "good": not one.cause, "cause": one.cause} for one in checked])
    else:
        for one in checked:
            verdict = paint("damaged", "red") + f": {one.cause}" if one.cause else paint("good", "green")
            say(f"{one.id}  {verdict}")
    sys.exit(EXIT_FAILED if any(one.cause for one in checked) else 0)
