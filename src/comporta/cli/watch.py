"""`comporta watch`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, composition, execute, open_context, told
from comporta.cli.times import iso

if TYPE_CHECKING:
    from comporta.app.watching import Seen


@click.command("watch")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Watch what serves until Ctrl-C, as `comporta serve` does: tell people, and roll back what turns bad.

    With --json, each look is a line of JSON.
    """
    ctx, screen = open_context(environment, config, as_json=as_json, yes=True)

    def show(seen: Seen) -> None:
        if as_json:
            click.echo(json.dumps(facts(seen)))
        else:
            screen.note(line(seen))

    screen.stage(f"watch {environment}")
    try:
        execute(ctx, lambda: composition().watch(ctx, show))
    finally:
        screen.close()


def facts(seen: Seen) -> dict[str, Any]:
    from comporta.model.values import to_json

    return {
        "at": iso(seen.at),
        "state": seen.state,
        "release": to_json(seen.release) if seen.release else None,
        "now": to_json(seen.now),
        "usual": to_json(seen.usual),
        "alerts": [to_json(crossing) for crossing in seen.alerts],
    }


def line(seen: Seen) -> str:
    """What serves, and how well, in a line."""
    from comporta.analysis.triggers import NAMES, shown, value_of

    parts = [seen.state, f"{seen.now.requests} requests"]
    for measure, name in NAMES.items():
        value, usual = value_of(measure, seen.now), value_of(measure, seen.usual)
        if value is not None:
            compared = f" (usual {shown(measure, usual)})" if usual is not None else ""
            parts.append(f"{name} {shown(measure, value)}{compared}")
    return ", ".join([*parts, *(f"ALERT {crossing.message}" for crossing in seen.alerts)])
