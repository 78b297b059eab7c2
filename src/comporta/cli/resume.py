"""`comporta resume`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told, yes_option
from comporta.cli.printing import say


@click.command("resume")
@yes_option
@common
@told
def command(yes: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Finish a deployment that was interrupted, from where the journal says it was; or end the pause of a canary."""
    from comporta.app.settling import resume
    from comporta.app.steering import go_on
    from comporta.cli.ending import finish

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    if paused := execute(ctx, lambda: go_on(ctx)):
        if as_json:
            print_json({"deployment": paused.number, "version": paused.version})
        else:
            say(f"Deployment {paused.number} ({paused.version}) is judged again.")
        return
    try:
        ended = execute(ctx, lambda: resume(ctx))
    finally:
        screen.close()
    finish(ended, screen, as_json=as_json)
