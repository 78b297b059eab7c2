"""`comporta database contract`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, reason_option, told, wait_option, yes_option
from comporta.cli.printing import say


@click.command("contract")
@click.option("--now", is_flag=True, help="Also before the watch window is over; it takes a --reason.")
@yes_option
@reason_option
@wait_option
@common
@told
def command(now: bool, yes: bool, reason: str, wait: int, environment: str, config: Path | None, as_json: bool) -> None:
    """Apply the migrations that waited until no earlier release is needed any more.

    A verified backup is made first. Afterwards a rollback to an earlier release has to undo them, and loses data.
    """
    from comporta.app.contracting import contract
    from comporta.model.values import to_json

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    screen.require_somebody_to_ask()
    try:
        done = execute(ctx, lambda: contract(ctx, now=now, reason=reason, wait=wait))
        screen.done()
    finally:
        screen.close()
    if as_json:
        print_json(to_json(done))
    elif not done.applied:
        say(f"Nothing waits: the database has all that {done.version} brings.")
    else:
        say(f"Applied {', '.join(done.applied)}; the backup from before is {done.backup}.")
        if done.stopped:
            say(f"Stopped {done.stopped}, which cannot serve any more.")
