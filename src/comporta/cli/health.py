"""`comporta health`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.model.values import to_json


@click.command("health")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Ask every health check once, of each live instance and through the router. Exits with 1 if any fails."""
    from comporta.app.health import health

    ctx, _ = open_context(environment, config, as_json=as_json)
    seen = execute(ctx, lambda: health(ctx))
    if as_json:
        results = {target: {name: to_json(r) for name, r in checks.items()} for target, checks in seen.results.items()}
        print_json({"healthy": seen.healthy, "results": results})
        sys.exit(0 if seen.healthy else 1)
    passed = total = 0
    for target, checks in seen.results.items():
        say(paint(target, "cyan"))
        for name, result in checks.items():
            total += 1
            passed += result.passed
            mark = paint("✓", "green") if result.passed else paint("✗", "red")
            answer = "" if result.passed else f"  {result.answer}"
            say(f"  {mark} {name:14} {result.seconds * 1000:7.1f} ms{answer}")
    say(f"{passed}/{total} checks passed")
    sys.exit(0 if seen.healthy else 1)
