"""`comporta replay DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import span
from comporta.model.values import to_json

if TYPE_CHECKING:
    from comporta.app.judgement import Judged

RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("replay")
@click.argument("deployment", type=int)
@click.option("--false-alarms", type=RATE, help="Probability of aborting a healthy candidate, e.g. 0.01.")
@click.option("--wrong-promotions", type=RATE, help="Probability of promoting a worse one, e.g. 0.05.")
@click.option("--error-margin", type=RATE, help="How many more requests may fail, e.g. 0.01.")
@click.option("--bake", type=click.FloatRange(min=0), metavar="SECONDS", help="The least time under traffic.")
@common
@told
def command(
    deployment: int,
    false_alarms: float | None,
    wrong_promotions: float | None,
    error_margin: float | None,
    bake: float | None,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Judge what was measured of a canary once more, with other settings: what would have been said, and when?"""
    from msgspec.structs import replace

    from comporta.app.deployments import find_deployment
    from comporta.app.judgement import judge, settings_of

    ctx, _ = open_context(environment, config, as_json=as_json)
    given = {"alpha": false_alarms, "beta": wrong_promotions, "margin": error_margin, "bake": bake}

    async def replayed() -> list[Judged]:
        found, _, _ = await find_deployment(ctx.journal, deployment)
        settings = replace(settings_of(found), **{name: value for name, value in given.items() if value is not None})
        return await judge(ctx.journal, found, settings)

    judged = execute(ctx, replayed)
    if as_json:
        print_json([{"at": j.at, "share": j.share, "verdict": to_json(j.verdict)} for j in judged])
    else:
        _print(judged)


def _print(judged: list[Judged]) -> None:
    from comporta.cli.screen import rows
    from comporta.cli.verdicts import line, table

    if not judged:
        say("No block of traffic was complete before it ended.")
        return
    began, said = judged[0].at, None
    for seen in judged:
        told: Any = (seen.verdict.kind, seen.share)
        if told != said:
            say(f"{span(seen.at - began):>12}  {seen.share:4.0%}  {line(seen.verdict)}")
            said = told
    say(f"\nat the end, after {span(judged[-1].at - began)}:")
    say(rows([tuple(row) for row in table(judged[-1].verdict, judged[-1].share)]))
