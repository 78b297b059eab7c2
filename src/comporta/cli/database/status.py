"""`comporta database status`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.model.values import to_json


@click.command("status")
@click.argument("version", required=False)
@common
@told
def command(version: str | None, environment: str, config: Path | None, as_json: bool) -> None:
    """Show which revision the database has, and what it lacks of VERSION (default: of the release that serves)."""
    from comporta.app.database import schema

    ctx, _ = open_context(environment, config, as_json=as_json)
    seen = execute(ctx, lambda: schema(ctx, version))
    state = seen.state
    assert state is not None, "the database was asked"
    if as_json:
        lacking = [{"revision": m.revision, "title": m.title, "file": m.file} for m in seen.pending]
        print_json(
            {"version": seen.version, "dialect": seen.dialect.value, "state": to_json(state), "pending": lacking}
        )
        return
    say(f"database  {seen.dialect}, at {state.revision or 'no revision yet'}")
    if state.unfinished:
        say(f"{paint('unfinished', 'red')}: {state.unfinished} was begun; the next migration goes on with it")
    say(f"release   {seen.version} brings {len(seen.migrations)}, {len(seen.pending)} of them pending")
    for migration in seen.pending:
        way_back = "" if migration.reversible else paint("  no way back", "yellow")
        say(f"  {migration.name}  {migration.file}{way_back}")
