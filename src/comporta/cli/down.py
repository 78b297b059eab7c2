"""`comporta down`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, print_json, told, yes_option
from comporta.cli.printing import say


@click.command("down")
@yes_option
@common
@told
def command(yes: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Stop an environment: all its instances and its router. History and logs stay."""
    from comporta.app.down import down

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    try:
        execute(ctx, lambda: down(ctx))
        screen.done()
    finally:
        screen.close()
    if as_json:
        print_json({"down": environment})
    else:
        say(f"{environment} is down.")
