"""`comporta database …`: one file per verb, imported only when it is called."""

from __future__ import annotations

import importlib

import click

VERBS = {
    "status": "Show which revision the database has, and what is pending.",
    "check": "Read a release's migrations: are they safe while users are served?",
    "contract": "Apply what waited for the end of the watch window.",
    "backup": "Make a backup, and verify it.",
    "list": "List the backups.",
    "verify": "Restore a backup into a scratch database, and compare.",
    "restore": "Bring the database back to a backup.",
    "prune": "Delete the backups that need not be kept.",
}


class DatabaseGroup(click.Group):
    """Loads `comporta.cli.database.VERB` when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("database", cls=DatabaseGroup)
def command() -> None:
    """The database that belongs to the releases: its schema and what changes it."""
