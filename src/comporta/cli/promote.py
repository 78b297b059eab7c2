"""`comporta promote`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, told
from comporta.cli.steering import steer


@click.command("promote")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Let a canary go on to its next stage at once. If it fails there, it is aborted all the same."""
    from comporta.app.steering import promote

    steer(promote, "goes on to its next stage", environment, config, as_json=as_json)
