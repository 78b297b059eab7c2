"""`comporta history`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.model.journal import Outcome


@click.command("history")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option("--outcome", type=click.Choice([o.value for o in Outcome]), help="Only those that ended so.")
@common
@told
def command(limit: int, outcome: str | None, environment: str, config: Path | None, as_json: bool) -> None:
    """List the deployments of an environment, newest first."""
    from comporta.app.deployments import deployments
    from comporta.cli.ending import deployment_facts
    from comporta.cli.screen import rows
    from comporta.cli.times import clock_time, span

    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: deployments(ctx.journal, environment, None if outcome else limit))
    shown = [d for d in found if outcome in (None, d.outcome)][:limit]
    if as_json:
        print_json([deployment_facts(d) for d in shown])
        return
    if not shown:
        click.echo(f"Nothing was deployed to {environment} yet.")
        return
    table: list[tuple[object, ...]] = [("No", "When", "Version", "Outcome", "Took", "Lost", "By", "Strategy / cause")]
    for d in shown:
        ended = d.outcome.value if d.outcome else "not ended"
        lost = (d.figures or {}).get("lost", "-")
        why = d.cause or d.strategy
        table.append((d.number, clock_time(d.started), d.version, ended, span(d.seconds), lost, d.actor, why))
    head, *lines = rows(table).splitlines()
    click.echo(paint(head, "cyan"))
    click.echo("\n".join(lines))
