"""`--identity`, for what reads backups."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

if TYPE_CHECKING:
    from comporta.app.context import Context

identity_option = click.option(
    "--identity",
    type=click.Path(path_type=Path, dir_okay=False),
    help="age's identity file, to read encrypted backups (default: the one in the config).",
)


def with_identity(ctx: Context, identity: Path | None) -> Context:
    """The context with this identity in place of the config's."""
    if identity is None or ctx.ports.backing is None:
        return ctx
    return replace(ctx, ports=replace(ctx.ports, backing=partial(ctx.ports.backing, identity)))
