"""`comporta init`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from comporta.cli.base import composition, told
from comporta.cli.printing import say
from comporta.model.errors import UsageError


@click.command("init")
@click.option("--service", help="The service's name (default: the name of this folder).")
@told
def command(service: str | None) -> None:
    """Write a starter comporta.yml into this folder. An existing file is never touched."""
    path = Path("comporta.yml")
    name = service or re.sub(r"[^a-z0-9-]+", "-", Path.cwd().name.lower()).strip("-") or "service"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(composition().starter_config(name))
    except FileExistsError:
        raise UsageError(
            "cannot write comporta.yml: it exists already", next="`comporta config check` tells whether it is right"
        ) from None
    say("Wrote comporta.yml. Now say in it how your service starts, then: comporta doctor")
