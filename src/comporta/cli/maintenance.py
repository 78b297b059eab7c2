"""`comporta maintenance on|off`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from comporta.cli.base import as_called, common, execute, open_context, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import span

if TYPE_CHECKING:
    from comporta.app.context import Context


@click.group("maintenance")
def command() -> None:
    """Put a maintenance page before the users, or take it down."""


@command.command("on")
@click.option("-m", "--message", default="", help="What the page says. In a page of your own it replaces {message}.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page (HTML) to show instead of the one in the config, or of the built-in one.",
)
@common
@told
def on(message: str, page: Path | None, environment: str, config: Path | None, as_json: bool) -> None:
    """Let users get the maintenance page (a 503) from now on; a second time replaces it.

    Deployments go on behind it, and do not end it.
    """
    from comporta.app.maintenance import maintenance_on

    ctx, _ = open_context(environment, config, as_json=as_json)
    up = execute(ctx, lambda: maintenance_on(ctx, message=message, page=page))
    curl = _curl(ctx, up.bypass)
    if as_json:
        print_json(
            {"maintenance": True, "replaced": up.replaced, "message": message, "bypass": up.bypass, "curl": curl}
        )
        return
    again = "get the new maintenance page" if up.replaced else "get the maintenance page"
    retry = span(ctx.spec.maintenance.retry_after)
    say(f"Users of {ctx.spec.service} in {environment} {again} now, and are told to try again after {retry}.")
    say(f"look behind it: {curl}")
    say(as_called("`comporta maintenance off` takes it down."))


@command.command("off")
@common
@told
def off(environment: str, config: Path | None, as_json: bool) -> None:
    """Let users get the service again."""
    from comporta.app.maintenance import maintenance_off

    ctx, _ = open_context(environment, config, as_json=as_json)
    was_up = execute(ctx, lambda: maintenance_off(ctx))
    if as_json:
        print_json({"maintenance": False, "was_up": was_up})
    elif was_up:
        say(f"Users of {ctx.spec.service} in {environment} get the service again.")
    else:
        say(f"There was no maintenance page in {environment}: users get the service.")


def _curl(ctx: Context, headers: dict[str, str]) -> str:
    """A command that gets the service while users get the page."""
    words = [f"{name}: {value}" for name, value in {"Host": ctx.spec.domain, **headers}.items()]
    return f"curl {' '.join(f'-H {shlex.quote(word)}' for word in words)} http://{ctx.ports.router.address}/"
