"""`comporta history`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import clock_time, iso, moment, span
from comporta.model.journal import Outcome

if TYPE_CHECKING:
    from comporta.app.deployments import Deployment
    from comporta.app.history import Contract


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
    """List deployments, and what `comporta database contract` did, newest first."""
    from comporta.app.history import Wanted, with_contracts

    ctx, _ = open_context(environment, config, as_json=as_json)
    wanted = Wanted(None if all_environments else environment, outcomes, since, until)
    found = execute(ctx, lambda: with_contracts(ctx, wanted, limit))
    if as_json:
        print_json([_facts(one) for one in found])
    elif found:
        _print(found, with_environment=all_environments)
    elif outcomes or since or until:
        say("No deployment fits.")
    else:
        say(f"Nothing was deployed to {'any environment' if all_environments else environment} yet.")


def _print(found: list[Deployment | Contract], *, with_environment: bool) -> None:
    from comporta.cli.screen import rows

    table: list[tuple[object, ...]] = [("No", "When", "Version", "Outcome", "Took", "Lost", "By", "Strategy / cause")]
    table += [_row(one) for one in found]
    if with_environment:
        names = ["Environment", *(d.environment for d in found)]
        table = [(*row[:2], name, *row[2:]) for row, name in zip(table, names, strict=True)]
    head, *lines = rows(table).splitlines()
    say(paint(head, "cyan"))
    say("\n".join(lines))


def _row(one: Deployment | Contract) -> tuple[object, ...]:
    """The last column: what it was and what for, or why it failed."""
    from comporta.app.history import Contract

    if isinstance(one, Contract):
        number, lost, kind = "-", "-", f"contract {', '.join(one.names)}"
        stands = str(one.outcome or "not ended")
    else:
        number, lost, kind = str(one.number), "-", one.strategy
        if one.figures and one.figures.get("lost") is not None:
            lost = str(one.figures["lost"])
        stands = str(one.outcome or ("waits for approval" if one.requested else "not ended"))
    why = next(iter(one.cause.splitlines()), "") or (f"{kind}: {one.reason}" if one.reason else kind)
    return (number, clock_time(one.started), one.version, stands, span(one.seconds), lost, one.actor, why)


def _facts(one: Deployment | Contract) -> dict[str, Any]:
    from comporta.app.history import Contract
    from comporta.cli.ending import deployment_facts

    return _contract_facts(one) if isinstance(one, Contract) else deployment_facts(one)


def _contract_facts(contract: Contract) -> dict[str, Any]:
    """A contract for scripts: what a deployment has, too, has the same name."""
    return {
        "deployment": None,
        "environment": contract.environment,
        "strategy": "contract",
        "version": contract.version,
        "release": contract.release,
        "actor": contract.actor,
        "reason": contract.reason,
        "started": iso(contract.started),
        "ended": iso(contract.ended),
        "seconds": contract.seconds,
        "outcome": contract.outcome,
        "cause": contract.cause,
        "migrations": list(contract.names),
        "backup": contract.backup or None,
    }
