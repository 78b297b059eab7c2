"""`comporta show DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.model.journal import Kind, Record
from comporta.model.values import to_json

if TYPE_CHECKING:
    from comporta.steps.plan import Plan

WORDS = {
    Kind.OPENED: "planned",
    Kind.INTENT: "do",
    Kind.DONE: "done",
    Kind.FAILED: "FAILED",
    Kind.UNDO_INTENT: "undo",
    Kind.UNDONE: "undone",
    Kind.UNDO_FAILED: "UNDO FAILED",
    Kind.FOREIGN: "FOREIGN CHANGE",
    Kind.ABORT: "abort asked",
    Kind.FINISHED: "finished",
}


@click.command("show")
@click.argument("deployment", type=int)
@common
@told
def command(deployment: int, environment: str, config: Path | None, as_json: bool) -> None:
    """Show one deployment: who, why, and each step with what it found and how long it took."""
    from comporta.app.deployments import find_deployment
    from comporta.cli.ending import deployment_facts, summary

    ctx, _ = open_context(environment, config, as_json=as_json)
    found, _, records = execute(ctx, lambda: find_deployment(ctx.journal, deployment))
    if as_json:
        print_json({**deployment_facts(found), "records": [to_json(r) for r in records]})
        return
    why = f", {found.reason!r}" if found.reason else ""
    click.echo(f"deployment {found.number}: {found.version} (release {found.release}), {found.strategy}")
    click.echo(f"by {found.actor}{why}\n")
    for record in records:
        _print(record, found.plan, found.started)
    click.echo("")
    click.echo(summary(found) if found.outcome else paint("not ended", "red"))


def _print(record: Record, plan: Plan, started: float) -> None:
    title = ""
    if record.step is not None:
        step = plan.steps[record.step]
        undoing = record.kind in (Kind.UNDO_INTENT, Kind.UNDONE, Kind.UNDO_FAILED)
        if record.kind in (Kind.UNDO_INTENT, Kind.UNDONE) and not step.undo_title:
            return
        title = f"{record.step + 1:2} {step.undo_title if undoing else step.title}"
    word = WORDS.get(record.kind, record.kind.value)
    bad = word.isupper()
    click.echo(f"{record.at - started:8.2f} s  {paint(f'{word:12}', 'red') if bad else f'{word:12}'} {title}".rstrip())
    if bad or record.kind is Kind.ABORT:
        lines = [record.data.get("message") or record.data.get("reason", ""), *record.data.get("details", ())]
        for line in lines:
            click.echo(f"{'':12}{line}")
    elif record.kind in (Kind.DONE, Kind.UNDONE, Kind.FINISHED) and record.data:
        facts = ", ".join(f"{key} {value}" for key, value in record.data.items() if value not in ("", None, [], {}))
        click.echo(f"{'':12}{facts}")
