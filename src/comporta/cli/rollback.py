"""`comporta rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, reason_option, told, wait_option, yes_option


@click.command("rollback")
@click.option("--to", metavar="VERSION", help="Which release (default: the last one that is known to be good).")
@click.option("--emergency", is_flag=True, help="Ask only whether it lives; a maintenance page while nothing serves.")
@click.option("--accept-data-loss", is_flag=True, help="Bring the database back where that is needed; --yes does not.")
@click.option(
    "--restore-backup", is_flag=True, help="From before a migration without a way back; what is newer is lost."
)
@yes_option
@reason_option
@wait_option
@common
@told
def command(
    to: str | None,
    emergency: bool,
    accept_data_loss: bool,
    restore_backup: bool,
    yes: bool,
    reason: str,
    wait: int,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Bring an earlier release back: at once if it is still warm, else by starting it again.

    A deployment that is under way is aborted first.
    """
    from comporta.app.losing import Agreed
    from comporta.app.rollback import rollback
    from comporta.cli.ending import finish

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    agreed = Agreed(loss=accept_data_loss, restore=restore_backup)
    try:
        ended = execute(
            ctx,
            lambda: rollback(ctx, to=to, reason=reason, wait=wait, emergency=emergency, agreed=agreed),
        )
    finally:
        screen.close()
    finish(ended, screen, as_json=as_json)
