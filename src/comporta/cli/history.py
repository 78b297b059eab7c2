"""`comporta history`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.times import clock_time, moment, span
from comporta.model.journal import Outcome

if TYPE_CHECKING:
    from comporta.app.deployments import Deployment


class Moment(click.ParamType[float]):
    """A time, as a date, a date and time, or as how long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return moment(str(value), time.time())
        except ValueError:
            self.fail(f"{value!r} is no time: write 2026-11-24, 2026-11-24T18:30, 2h or 7d (ago)", param, ctx)


@click.command("history")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice([o.value for o in Outcome]),
    multiple=True,
    help="Only those that ended so; can be given several times.",
)
@click.option("--since", type=Moment(), help="Only those begun then or later: 2026-11-24, 2026-11-24T18:30, 2h, 7d.")
@click.option("--until", type=Moment(), help="Only those begun then or earlier.")
@click.option("--all-environments", is_flag=True, help="Of every environment, not only of one.")
@common
@told
def command(
    limit: int,
    outcomes: tuple[str, ...],
    since: float | None,
    until: float | None,
    all_environments: bool,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """List deployments, newest first."""
    from comporta.app.history import Wanted, history
    from comporta.cli.ending import deployment_facts

    ctx, _ = open_context(environment, config, as_json=as_json)
    wanted = Wanted(None if all_environments else environment, outcomes, since, until)
    found = execute(ctx, lambda: history(ctx, wanted, limit))
    if as_json:
        print_json([deployment_facts(d) for d in found])
    elif found:
        _print(found, with_environment=all_environments)
    elif outcomes or since or until:
        click.echo("No deployment fits.")
    else:
        click.echo(f"Nothing was deployed to {'any environment' if all_environments else environment} yet.")


def _print(found: list[Deployment], *, with_environment: bool) -> None:
    from comporta.cli.screen import rows

    table: list[tuple[object, ...]] = [("No", "When", "Version", "Outcome", "Took", "Lost", "By", "Strategy / cause")]
    for d in found:
        ended = d.outcome.value if d.outcome else "waits" if d.requested else "not ended"
        lost = (d.figures or {}).get("lost", "-")
        table.append((d.number, clock_time(d.started), d.version, ended, span(d.seconds), lost, d.actor, _why(d)))
    if with_environment:
        names = ["Environment", *(d.environment for d in found)]
        table = [(*row[:2], name, *row[2:]) for row, name in zip(table, names, strict=True)]
    head, *lines = rows(table).splitlines()
    click.echo(paint(head, "cyan"))
    click.echo("\n".join(lines))


def _why(deployment: Deployment) -> str:
    """What kind of deployment it was, or why it failed, in one line."""
    kind = f"{deployment.strategy}, wants an approval" if deployment.requested else deployment.strategy
    return next(iter(deployment.cause.splitlines()), "") or kind
