"""`comporta plan VERSION`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from comporta.cli.base import as_called, common, composition, execute, open_context, paint, print_json, told
from comporta.cli.canary import canary_options, with_canary
from comporta.cli.deploy import UNCHECKED
from comporta.cli.printing import say


@click.command("plan")
@click.argument("version")
@click.option("--strategy", default="blue-green", show_default=True, help="How it would be brought live.")
@canary_options
@common
@told
def command(version: str, strategy: str, environment: str, config: Path | None, as_json: bool, **canary: Any) -> None:
    """Show every step that deploying VERSION would take, and how each is undone. Changes nothing."""
    from comporta.app.deploy import AlreadyLive
    from comporta.app.planning import plan_deployment
    from comporta.model.values import to_json

    chosen = composition().strategy(strategy)
    ctx, _ = open_context(environment, config, as_json=as_json, starts=True)
    ctx = with_canary(ctx, canary)
    planned = execute(ctx, lambda: plan_deployment(ctx, version, chosen))
    if isinstance(planned, AlreadyLive):
        if as_json:
            print_json({"already_live": True, "version": planned.version, "release": planned.release})
        else:
            say(f"{planned.version} (release {planned.release}) serves already: nothing to do.")
        return
    approvals = 0 if strategy in UNCHECKED else ctx.spec.approvals
    if as_json:
        facts = {"plan": to_json(planned.plan), "release": to_json(planned.release), "notes": planned.notes}
        print_json({**facts, "approvals": approvals})
        return
    _print(planned, approvals)


def _print(planned: object, approvals: int) -> None:
    """Args: approvals: how many others would have to approve it first."""
    from comporta.app.planning import Planned

    assert isinstance(planned, Planned)
    plan, artifact = planned.plan, planned.release.artifact
    known = f"release {planned.release.number}" if planned.known else "a new release"
    instead = f" instead of {plan.replaces.version}" if plan.replaces else ""
    say(f"{plan.strategy}: {artifact.version} ({known}) to {plan.environment}{instead}")
    say(f"artifact {artifact.identity}\n")
    if approvals:
        say(f" -  wait, with nothing held, for approvals: {approvals}")
    say(" -  take the lease, observe, resolve the artifact")
    for index, step in enumerate(plan.steps, start=1):
        say(f"{index:2}  {step.title}")
        if step.undo_title:
            say(paint(f"      undo: {step.undo_title}", "cyan"))
        if not step.reversible:
            say(
                paint(
                    f"      point of no return: from here on only {as_called('`comporta rollback`')} goes back",
                    "yellow",
                )
            )
    say(" -  record the outcome, give the lease back")
    for note in planned.notes:
        say(f"{paint('note:', 'yellow')} {as_called(note)}")
    say("\nNothing was changed.")
