"""`comporta resume`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, told, yes_option


@click.command("resume")
@yes_option
@common
@told
def command(yes: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Finish a deployment that was interrupted, from where the journal says it was."""
    from comporta.app.settling import resume
    from comporta.cli.ending import finish

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    try:
        ended = execute(ctx, lambda: resume(ctx))
    finally:
        screen.close()
    finish(ended, screen, as_json=as_json)
