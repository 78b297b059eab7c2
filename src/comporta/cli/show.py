"""`comporta show DEPLOYMENT`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import as_called, common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import clock_time, iso, span
from comporta.model.journal import Kind, Record
from comporta.model.values import to_json

if TYPE_CHECKING:
    from comporta.app.timeline import Act, Story

WORDS = {
    Kind.REQUESTED: "approval asked",
    Kind.APPROVED: "approved",
    Kind.REJECTED: "rejected",
    Kind.OPENED: "planned",
    Kind.INTENT: "cut off",
    Kind.DONE: "done",
    Kind.FAILED: "FAILED",
    Kind.UNDO_INTENT: "cut off",
    Kind.UNDONE: "undone",
    Kind.UNDO_FAILED: "UNDO FAILED",
    Kind.FOREIGN: "FOREIGN CHANGE",
    Kind.ABORT: "abort asked",
    Kind.PROMOTE: "promote asked",
    Kind.PAUSE: "pause asked",
    Kind.CONTINUE: "pause ended",
    Kind.FINISHED: "finished",
}
PLANS = (Kind.REQUESTED, Kind.OPENED)
"""What holds a whole plan, which is not shown as a fact."""
INDENT = " " * 39


@click.command("show")
@click.argument("deployment", type=int)
@common
@told
def command(deployment: int, environment: str, config: Path | None, as_json: bool) -> None:
    """Show one deployment: who, why, and each step with what it found and how long it took."""
    from comporta.app.timeline import story
    from comporta.cli.ending import deployment_facts

    ctx, _ = open_context(environment, config, as_json=as_json)
    told = execute(ctx, lambda: story(ctx, deployment))
    if as_json:
        timeline = [_facts(act) for act in told.acts]
        records = [to_json(record) for record in told.records]
        print_json({**deployment_facts(told.deployment), "timeline": timeline, "records": records})
    else:
        _print(told)


def _facts(act: Act) -> dict[str, Any]:
    judged = act.judged
    return {
        "at": iso(act.begun.at),
        "seconds": act.seconds,
        "what": WORDS.get(act.result.kind, act.result.kind.value).lower(),
        "step": act.begun.step,
        "title": act.title,
        "undoing": act.undoing,
        "actor": act.begun.actor,
        "facts": {} if act.begun.kind in PLANS else act.result.data,
        "judged": {"share": judged.share, "verdict": to_json(judged.verdict)} if judged else None,
    }


def _print(told: Story) -> None:
    from comporta.cli.ending import summary

    found = told.deployment
    why = f": {found.reason}" if found.reason else ""
    instead = f" instead of {found.replaces}" if found.replaces else ""
    say(f"deployment {found.number}: {found.version} (release {found.release}){instead}, {found.strategy}")
    automatic = f", automatic after deployment {found.automatic}" if found.automatic is not None else ""
    say(f"by {found.actor}{automatic} to {found.environment}, {clock_time(found.started)}{why}\n")
    _print_preflight(found.preflight)
    say(paint(f"{'after':>10}  {'took':>12}  what", "cyan"))
    for act in told.acts:
        if act.begun.step is None or act.title:
            _print_act(act, told.records[0].at, found.actor)
    say("")
    still = paint("waits for an approval", "yellow") if found.requested else paint("not ended", "red")
    say(summary(found) if found.outcome else still)


def _print_preflight(facts: dict[str, Any] | None) -> None:
    """What the gates said before this deployment, or who skipped them."""
    from comporta.app.preflight import count
    from comporta.cli.board import line
    from comporta.model.preflight import GateResult
    from comporta.model.values import from_json

    if not facts:
        return
    if facts.get("skipped"):
        say(f"preflight: {paint('skipped', 'yellow')} by {facts['actor']}: {facts['reason']}\n")
        return
    results = [from_json(gate, GateResult) for gate in facts["gates"]]
    width = max(len(result.name) for result in results)
    say(f"preflight: {count(results)}")
    for result in results:
        say(f"  {line(result, width)}")
    say("")


def _print_act(act: Act, started: float, actor: str) -> None:
    result = act.result
    word = WORDS.get(result.kind, result.kind.value)
    bad = word.isupper() or word == "cut off"
    number = f"{act.begun.step + 1:2} " if act.begun.step is not None else ""
    by = f"by {result.actor}" if act.begun.step is None and act.begun.kind not in PLANS else ""
    by = by if act.begun.kind is not Kind.FINISHED or result.actor != actor else ""
    took = span(act.seconds) if act.seconds is not None else ""
    after = f"{act.begun.at - started:8.2f} s"
    line = f"{after}  {took:>12}  {paint(f'{word:13}', 'red') if bad else f'{word:13}'}{number}{act.title}{by}"
    say(line.rstrip())
    for more in _more(act):
        say(f"{INDENT}{more}")


def _more(act: Act) -> list[str]:
    """What there is to say about an act, below its line."""
    from comporta.cli.screen import facts_line, rows
    from comporta.cli.verdicts import line, table

    lines = _evidence(act.result)
    if act.judged is not None:
        lines += [*rows(table(act.judged.verdict, act.judged.share)).splitlines(), line(act.judged.verdict)]
    elif act.result.kind in (Kind.DONE, Kind.UNDONE):
        lines += [facts_line(act.result.data)]
    return [text for text in lines if text]


def _evidence(record: Record) -> list[str]:
    """Why somebody asked, or what went wrong and what to do about it."""
    if record.kind is Kind.FINISHED:
        return [f"{record.data['outcome']}{': ' * bool(record.data['cause'])}{record.data['cause']}"]
    said = [str(record.data.get("message") or ""), str(record.data.get("reason") or "")]
    if record.kind in PLANS:
        return []
    next_ = record.data.get("next")
    return [*said, *record.data.get("details", ()), *([f"next: {as_called(next_)}"] if next_ else [])]
