"""`comporta abort`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, reason_option, told
from comporta.cli.printing import say
from comporta.model.journal import Outcome


@click.command("abort")
@click.argument("deployment", type=int, required=False)
@reason_option
@common
@told
def command(deployment: int | None, reason: str, environment: str, config: Path | None, as_json: bool) -> None:
    """Stop a deployment and undo what it did: one that runs elsewhere, was interrupted, or ended in an incident."""
    from comporta.app.settling import abort
    from comporta.cli.ending import deployment_facts, kept_facts, print_kept, summary

    ctx, screen = open_context(environment, config, as_json=as_json)
    try:
        ended = execute(ctx, lambda: abort(ctx, deployment, reason=reason))
    finally:
        screen.close()
    if as_json:
        print_json({**deployment_facts(ended.deployment), "kept": kept_facts(ended)})
    else:
        print_kept(ended)
        say(summary(ended.deployment))
    # What was asked for is the undoing: it went well if the previous release serves.
    undone = ended.deployment.outcome in (Outcome.ABORTED, Outcome.ROLLED_BACK)
    sys.exit(0 if undone else ended.exit_code or 1)
