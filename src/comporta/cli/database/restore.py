"""`comporta database restore`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told, yes_option
from comporta.cli.database.options import identity_option, with_identity
from comporta.cli.printing import say


@click.command("restore")
@click.argument("backup", required=False)
@click.option(
    "--safety-backup/--no-safety-backup",
    "safety",
    default=True,
    help="Back up what is there first. Without that it is kept beside, under another name.",
)
@identity_option
@yes_option
@common
@told
def command(
    backup: str | None,
    safety: bool,
    identity: Path | None,
    yes: bool,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Bring the database back to BACKUP (default: the newest that was verified).

    It is restored beside the real one, compared, and takes over whole. Users' sessions with the database end, or wait.
    """
    from comporta.app.backups import restore
    from comporta.cli.database.facts import facts

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    screen.require_somebody_to_ask()
    ctx = with_identity(ctx, identity)
    with screen.showing("restore the database"):
        done = execute(ctx, lambda: restore(ctx, backup, safety=safety))
    if as_json:
        saved = done.safety.id if done.safety else None
        print_json({"restored": facts(done.backup), "safety_backup": saved, "old_database": done.old or None})
        return
    say(f"The database is that of {done.backup.id}: {done.backup.content.total} rows, as backed up.")
    if done.safety:
        say(f"What was there before is the backup {done.safety.id}.")
    if done.old:
        say(f"What was there before is kept as {done.old}.")
