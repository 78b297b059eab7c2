"""`comporta validate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import as_called, common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say

if TYPE_CHECKING:
    from comporta.app.validating import Validation

PHASES = ("health", "performance", "features", "load")


@click.command("validate")
@click.option("--phase", "phases", type=click.Choice(PHASES), multiple=True, help="Only this one; several times.")
@click.option("--users", is_flag=True, help="The load phase too, on instances that serve users.")
@click.option("--rollback", "roll_back", is_flag=True, help="If a phase fails, bring the last known good release back.")
@common
@told
def command(
    phases: tuple[str, ...], users: bool, roll_back: bool, environment: str, config: Path | None, as_json: bool
) -> None:
    """Validate what serves, in four phases: health, performance, features, load. Exits with 1 if one fails."""
    from comporta.app.validating import validate

    ctx, screen = open_context(environment, config, as_json=as_json, yes=True)
    try:
        found = execute(ctx, lambda: validate(ctx, only=phases, users=users, roll_back=roll_back))
    finally:
        screen.close()
    if as_json:
        print_json(_facts(found))
    else:
        _print(found)
    sys.exit(_exit_code(found))


def _exit_code(found: Validation) -> int:
    """1 also where the rollback went well: the release that was validated is not good. An incident outranks it."""
    code = getattr(found.ended, "exit_code", 0)
    return max(code, 1) if found.failed else 0


def _facts(found: Validation) -> dict[str, Any]:
    from comporta.app.running import Ended
    from comporta.cli.ending import deployment_facts
    from comporta.model.values import to_json

    ended = found.ended
    return {
        "release": to_json(found.release),
        "passed": found.failed is None,
        "phases": [to_json(phase) for phase in found.phases],
        "skipped": found.skipped,
        "rollback": deployment_facts(ended.deployment) if isinstance(ended, Ended) else to_json(ended),
    }


def _print(found: Validation) -> None:
    from comporta.app.running import Ended
    from comporta.cli.ending import summary

    for name, why in found.skipped.items():
        say(f"{paint('skipped:', 'yellow')} {name}: {why}")
    if failed := found.failed:
        say(f"{paint('error:', 'red')} {failed.error}", err=True)
        for line in failed.details:
            say(f"  {line}", err=True)
        say(f"{paint('next:', 'cyan')} {as_called(failed.next)}", err=True)
    if isinstance(found.ended, Ended):
        say(summary(found.ended.deployment))
    else:
        how = paint("failed", "red", bold=True) if found.failed else paint("passed", "green", bold=True)
        say(f"{how}: {found.release}, {len(found.phases)} of {len(PHASES)} phases run")
