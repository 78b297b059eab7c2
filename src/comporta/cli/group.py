"""The `comporta` command: verbs are imported only when they are called, so that `--help` stays quick."""

from __future__ import annotations

import importlib

import click

VERBS = {
    "init": "Write a starter comporta.yml.",
    "doctor": "Check that this machine has what the config needs.",
    "config": "Show, check or describe the config.",
    "release": "Make the next version: commit, tag and push.",
    "preflight": "Ask everything that must hold before a deployment.",
    "plan": "Show what a deployment would do, and change nothing.",
    "deploy": "Make a version live.",
    "approve": "Approve a deployment that waits for it.",
    "reject": "Have a deployment that waits for an approval given up.",
    "status": "Show what serves now.",
    "health": "Ask every health check once.",
    "validate": "Validate what serves: health, performance, features, load.",
    "rollback": "Bring an earlier release back.",
    "watch": "Watch what serves, tell people, and roll back what turns bad.",
    "serve": "Watch all environments for good, and finish what was interrupted.",
    "promote": "Let a canary go on to its next stage at once.",
    "pause": "Keep a canary at its stage.",
    "resume": "Finish a deployment that was interrupted, or end a pause.",
    "abort": "Stop a deployment and undo it.",
    "history": "List deployments.",
    "show": "Show one deployment, step by step.",
    "trace": "Send a deployment's trace to an OpenTelemetry collector.",
    "report": "Tell how well deploying goes: service levels, DORA.",
    "replay": "Judge a canary's measurements once more.",
    "audit": "Check that nobody changed the journal, or go on with a damaged one.",
    "alerts": "Test the alerts, or deliver what waits.",
    "logs": "Show what the instances write.",
    "maintenance": "Put a maintenance page before the users, or take it down.",
    "database": "The database: its schema, migrations and backups.",
    "prune": "Remove what old releases left and no rollback needs.",
    "lock": "Keep everybody from changing an environment.",
    "unlock": "Give the lock back.",
    "down": "Stop an environment: instances and router.",
    "demo": "Watch a real service change versions under load.",
}


class LazyGroup(click.Group):
    """Knows its verbs by name; loads `comporta.cli.VERB` when one is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"comporta.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message.rstrip('.')}{nearest(args[0])}", ctx) from None


def nearest(word: str) -> str:
    """The verb that was probably meant, as the end of a sentence."""
    import difflib

    close = difflib.get_close_matches(word, VERBS, n=1)
    return f". Did you mean '{close[0]}'?" if close else ". `comporta --help` lists the commands."


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="comporta", prog_name="comporta")
def cli() -> None:
    """Deploy web services behind nginx without losing a request, and take them back just as safely.

    \b
    Exit codes: 0 the requested release serves; 1 the deployment failed and the previous release serves;
    2 usage or config; 3 an incident: a person is needed; 4 the environment is locked; 130 interrupted and undone.
    """
