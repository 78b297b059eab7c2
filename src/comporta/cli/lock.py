"""`comporta lock`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import as_called, common, execute, open_context, print_json, told
from comporta.cli.printing import say
from comporta.model.values import to_json


@click.command("lock")
@click.option("-m", "--message", default="", help="Why: everybody who is kept out reads it.")
@common
@told
def command(message: str, environment: str, config: Path | None, as_json: bool) -> None:
    """Keep everybody, yourself too, from changing an environment until `comporta unlock`."""
    from comporta.app.locking import lock

    ctx, _ = open_context(environment, config, as_json=as_json)
    lease = execute(ctx, lambda: lock(ctx, message))
    if as_json:
        print_json(to_json(lease))
    else:
        say(as_called(f"{environment} is locked. `comporta unlock` opens it again."))
