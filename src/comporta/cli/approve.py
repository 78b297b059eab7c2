"""`comporta approve DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, reason_option, told
from comporta.cli.printing import say


@click.command("approve")
@click.argument("deployment", type=int)
@reason_option
@common
@told
def command(deployment: int, reason: str, environment: str, config: Path | None, as_json: bool) -> None:
    """Approve DEPLOYMENT, which somebody else asked for and which waits. `comporta status` lists those that wait."""
    from comporta.app.approving import approve
    from comporta.cli.ending import deployment_facts

    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: approve(ctx, deployment, reason))
    if as_json:
        print_json(deployment_facts(found))
        return
    assert found.approval is not None, "it was approved"
    lacking = found.approval.wanted - len(found.approval.by)
    comes = f"wants {lacking} more" if lacking > 0 else "goes on by itself"
    say(f"Deployment {found.number} ({found.version}) is approved, and {comes}.")
