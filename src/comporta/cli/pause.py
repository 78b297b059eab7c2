"""`comporta pause`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, told
from comporta.cli.steering import steer


@click.command("pause")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Keep a canary at its stage until `comporta resume`. It is watched meanwhile, and aborted if it fails."""
    from comporta.app.steering import pause

    steer(pause, "stays at its stage; `comporta resume` lets it go on", environment, config, as_json=as_json)
