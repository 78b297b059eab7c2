"""`comporta database list`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import clock_time


@click.command("list")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """List the backups, newest first, and what is damaged among them."""
    from comporta.app.backups import list_backups
    from comporta.cli.database.facts import facts, state
    from comporta.cli.screen import rows
    from comporta.model.backups import bytes_text

    ctx, _ = open_context(environment, config, as_json=as_json)
    listing = execute(ctx, lambda: list_backups(ctx))
    if as_json:
        print_json({"backups": [facts(backup) for backup in listing.backups], "damaged": listing.damaged})
        return
    if not listing.backups and not listing.damaged:
        say("There are no backups.")
        return
    table: list[tuple[object, ...]] = [("Backup", "At", "Size", "Rows", "Revision", "State", "Reason")]
    for backup in listing.backups:
        size, content = bytes_text(backup.size), backup.content
        table.append(
            (
                backup.id,
                clock_time(backup.at),
                size,
                content.total,
                content.revision or "-",
                state(backup),
                backup.reason,
            )
        )
    table += [(id, "-", "-", "-", "-", "damaged", "its manifest or its data cannot be read") for id in listing.damaged]
    head, *lines = rows(table).splitlines()
    say("\n".join([paint(head, "cyan"), *lines]))
