"""`comporta trace DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, composition, execute, open_context, print_json, told
from comporta.cli.printing import say
from comporta.cli.screen import counted


@click.command("trace")
@click.argument("deployment", type=int)
@common
@told
def command(deployment: int, environment: str, config: Path | None, as_json: bool) -> None:
    """Send the trace of DEPLOYMENT to the collector that the OTEL_… variables name.

    Where they name one, every deployment starts this by itself, in the background, once it is over.
    """
    from comporta.app.tracing import trace_of

    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: trace_of(ctx, deployment))
    composition().send_trace(found)
    if as_json:
        print_json({"trace": found.id, "deployment": deployment, "spans": len(found.spans)})
    else:
        say(f"Trace {found.id} is sent: deployment {deployment}, {counted(len(found.spans), 'span')}.")
