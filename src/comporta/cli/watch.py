"""`comporta watch`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import Stopped, common, composition, execute, open_context, told
from comporta.cli.printing import say
from comporta.cli.times import iso

if TYPE_CHECKING:
    from comporta.app.watching import Seen
    from comporta.model.watching import Tally


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
            say(json.dumps(facts(seen)))
        else:
            screen.note(line(seen))

    screen.stage(f"watch {environment}")
    try:
        execute(ctx, lambda: composition().watch(ctx, show))
    except Stopped as end:
        sys.exit(end.exit_code)  # that is how a watch ends: nothing went wrong
    finally:
        screen.close()


def facts(seen: Seen) -> dict[str, Any]:
    """A look for scripts; rates are shares, times seconds, and null where there is no data."""
    from comporta.model.values import to_json

    return {
        "at": iso(seen.at),
        "state": seen.state,
        "release": to_json(seen.release) if seen.release else None,
        "now": _figures(seen.now),
        "usual": _figures(seen.usual),
        "alerts": [to_json(crossing) for crossing in seen.alerts],
    }


def _figures(tally: Tally) -> dict[str, Any]:
    from comporta.analysis.triggers import value_of

    missing = value_of("availability", tally)
    return {
        "requests": tally.requests,
        "probes": tally.probes,
        "error_rate": value_of("errors", tally),
        "mean_latency": value_of("latency", tally),
        "availability": None if missing is None else 1 - missing,
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
