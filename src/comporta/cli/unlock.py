"""`comporta unlock`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told
from comporta.cli.printing import say
from comporta.model.values import to_json


@click.command("unlock")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Give back a lock that was taken by hand, or that a dead process left.

    A process that holds it and gives no sign of life for 15 seconds is ended. If it is on another machine, only its
    lock is taken away.
    """
    from comporta.app.locking import unlock

    ctx, _ = open_context(environment, config, as_json=as_json)
    lease = execute(ctx, lambda: unlock(ctx))
    if as_json:
        print_json(to_json(lease))
    else:
        say(f"{environment} is unlocked.")
