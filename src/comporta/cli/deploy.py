"""`comporta deploy VERSION`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from comporta.cli.base import (
    common,
    composition,
    execute,
    open_context,
    reason_option,
    told,
    wait_option,
    yes_option,
)
from comporta.cli.canary import canary_options, with_canary
from comporta.model.errors import UsageError

UNCHECKED = ("emergency",)
"""Strategies for which there is no time to ask the gates, or anybody for approval."""


@click.command("deploy")
@click.argument("version")
@click.option("--strategy", default="blue-green", show_default=True, help="How to bring it live.")
@canary_options
@click.option("--force", is_flag=True, help="Deploy even if this version serves already.")
@click.option("--skip-preflight", is_flag=True, help="Do not ask the gates; --reason says why, for the history.")
@yes_option
@reason_option
@wait_option
@common
@told
def command(
    version: str,
    strategy: str,
    force: bool,
    skip_preflight: bool,
    yes: bool,
    reason: str,
    wait: int,
    environment: str,
    config: Path | None,
    as_json: bool,
    **canary: Any,
) -> None:
    """Make VERSION live: start it beside the present release, prove it healthy, and switch traffic to it.

    All at once (blue-green), a share first and more as the evidence allows (canary), or instance by instance (rolling).
    Whatever fails on the way is undone; Ctrl-C undoes it too.
    """
    from comporta.app.deploy import deploy
    from comporta.cli.board import preflight_of
    from comporta.cli.ending import finish

    if skip_preflight and not reason:
        raise UsageError("cannot skip the preflight: nobody says why", next="add --reason WHY")
    chosen = composition().strategy(strategy)
    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes, starts=True)
    ctx = with_canary(ctx, canary)
    screen.require_somebody_to_ask()
    preflight = None
    if strategy not in UNCHECKED and (ctx.spec.preflight.before_deploy or skip_preflight):
        preflight = preflight_of(config, environment, as_json=as_json, skip=skip_preflight, before=screen.done)
    deployed = partial(deploy, ctx, version, chosen, reason=reason, force=force, wait=wait, preflight=preflight)
    deployed = partial(deployed, urgent=strategy in UNCHECKED)
    try:
        ended = execute(ctx, deployed)
    finally:
        screen.close()
    finish(ended, screen, as_json=as_json)
