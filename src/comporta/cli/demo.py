"""`comporta demo`."""

from __future__ import annotations

import sys

import click

from comporta.cli.base import paint, told
from comporta.cli.printing import say


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave the service running at the end, to try things out.")
@click.option("--docker", is_flag=True, help="With containers, and PostgreSQL, Redis and an S3-compatible store.")
@click.option(
    "--router",
    type=click.Choice(["nginx", "haproxy", "nginx-container"]),
    default="nginx",
    show_default=True,
    help="What switches traffic; nginx-container: one that is there already, with --docker.",
)
@told
def command(keep: bool, docker: bool, router: str) -> None:
    """Watch a real service change versions under load: deployed, refused, rolled back, with no request lost.

    Plays in a temporary folder on free ports, and takes everything away at the end. Exits with 1 if a request was lost.
    """
    if docker and keep:
        raise click.UsageError("--keep does not go with --docker: what is beside the containers ends with the demo")
    if router == "nginx-container" and not docker:
        raise click.UsageError("--router nginx-container goes with --docker")
    from comporta.demo.results import table
    from comporta.demo.story import show

    shown = show(lambda text: say(paint(text, "cyan")), router=router, keep=keep, docker=docker)
    say(f"\n{table(shown)}")
    if keep:
        say("\nTry in that folder: comporta status; comporta history; comporta deploy 1.1.0; comporta down")
    sys.exit(1 if shown.lost else 0)
