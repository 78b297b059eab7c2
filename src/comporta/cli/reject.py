"""`comporta reject DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told
from comporta.cli.printing import say


@click.command("reject")
@click.argument("deployment", type=int)
@click.option("--reason", required=True, help="Why: whoever asked is told, and it is kept in the history.")
@common
@told
def command(deployment: int, reason: str, environment: str, config: Path | None, as_json: bool) -> None:
    """Have DEPLOYMENT given up, which waits for an approval. Nothing was changed by it."""
    from comporta.app.approving import reject
    from comporta.cli.ending import deployment_facts

    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: reject(ctx, deployment, reason))
    if as_json:
        print_json(deployment_facts(found))
    else:
        say(f"Deployment {found.number} ({found.version}) is rejected.")
