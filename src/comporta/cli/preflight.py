"""`comporta preflight VERSION`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from comporta.cli.base import as_called, common, composition, execute, open_context, paint, print_json, told
from comporta.cli.printing import say


@click.command("preflight")
@click.argument("version")
@click.option("--strategy", default="blue-green", show_default=True, help="How it would be brought live.")
@click.option("--no-cache", is_flag=True, help="Ask also what passed before with the same inputs.")
@common
@told
def command(version: str, strategy: str, no_cache: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Ask everything that must hold before VERSION is deployed, all at once. Exits with 1 if a gate fails."""
    from comporta.app.checking import check
    from comporta.app.preflight import count, explained
    from comporta.cli.board import preflight_of
    from comporta.model.preflight import GateState
    from comporta.model.values import to_json

    chosen = composition().strategy(strategy)
    ctx, _ = open_context(environment, config, as_json=as_json, starts=True)
    preflight = preflight_of(config, environment, as_json=as_json, cache=not no_cache)
    results = execute(ctx, lambda: check(ctx, preflight, version, chosen))
    failed = [result for result in results if result.state is GateState.FAILED]
    if as_json:
        print_json({"ok": not failed, "gates": [to_json(result) for result in results]})
        sys.exit(1 if failed else 0)
    for result in failed:
        say("\n" + "\n".join(explained(result)), err=True)
        if result.next:
            say(f"  {paint('next:', 'cyan')} {as_called(result.next)}", err=True)
    say(paint(count(results), "red" if failed else "green", bold=True))
    sys.exit(1 if failed else 0)
