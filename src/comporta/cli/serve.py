"""`comporta serve`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import composition, config_option, told


@click.command("serve")
@click.option(
    "-e",
    "--environment",
    "environments",
    multiple=True,
    help="Which environment; may be given several times (default: all whose monitoring is not disabled).",
)
@config_option
@told
def command(environments: tuple[str, ...], config: Path | None) -> None:
    """Watch environments for good, roll back what turns bad, and finish deployments that were interrupted.

    Made for a service manager: it tells what it does in lines, ends on SIGTERM, and goes on where it was when it is
    started again.
    """
    composition().serve(config, environments)
