"""`comporta alerts test|deliver`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import clock_time


@click.group("alerts")
def command() -> None:
    """Test the alerts, or deliver what waits."""


@command.command("test")
@common
@told
def test(environment: str, config: Path | None, as_json: bool) -> None:
    """Send a test message to every receiver, and tell which got it. Exits with 1 if one did not."""
    from comporta.app.notifying import send_test

    ctx, _ = open_context(environment, config, as_json=as_json)
    results = execute(ctx, lambda: send_test(ctx))
    if as_json:
        print_json([{"receiver": label, "ok": not failure, "error": failure} for label, failure in results])
    else:
        for label, failure in results:
            mark = paint("✗", "red") if failure else paint("✓", "green")
            say(f"{mark} {label}{': ' if failure else ''}{failure}")
    sys.exit(1 if any(failure for _, failure in results) else 0)


@command.command("deliver")
@common
@told
def deliver(environment: str, config: Path | None, as_json: bool) -> None:
    """Deliver what waits, until nothing does. Every deployment starts this by itself, in the background."""
    from comporta.app.notifying import deliver

    ctx, _ = open_context(environment, config, as_json=as_json)
    execute(ctx, lambda: deliver(ctx, tell=_tell))


def _tell(text: str) -> None:
    say(f"{clock_time(time.time())} {text}")
    sys.stdout.flush()
