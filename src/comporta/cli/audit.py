"""`comporta audit verify` and `comporta audit recover`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import as_called, common, execute, open_context, paint, print_json, told, yes_option
from comporta.cli.printing import say
from comporta.cli.times import clock_time, iso
from comporta.model.errors import EXIT_INCIDENT

if TYPE_CHECKING:
    from comporta.app.auditing import Audit
    from comporta.app.recovering import Recovered
    from comporta.model.journal import Record


class Hash(click.ParamType[str]):
    """A SHA-256 in hex, or the beginning of one."""

    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().lower()
        if not 8 <= len(text) <= 64 or set(text) - set("0123456789abcdef"):
            self.fail("it must be 8 to 64 characters 0-9 and a-f: `comporta audit verify` prints one", param, ctx)
        return text


@click.group("audit")
def command() -> None:
    """Check that nobody changed the journal, or go on with a damaged one."""


@command.command("verify")
@click.option("--head", type=Hash(), help="A hash that was noted before: some record must still have it.")
@common
@told
def verify(head: str | None, environment: str, config: Path | None, as_json: bool) -> None:
    """Check the whole chain of records, of all environments. Exits with 3 if a record was changed or is missing.

    That the last records were cut off can be seen only with a hash that was noted elsewhere: give it with --head.
    """
    from comporta.app.auditing import audit

    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: audit(ctx.journal, head or ""))
    if as_json:
        print_json(_facts(found))
    else:
        _print(found)
    sys.exit(0 if found.whole else EXIT_INCIDENT)


@command.command("recover")
@yes_option
@common
@told
def recover(yes: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Go on with a damaged journal: keep it aside, and begin a new one with all records that are whole.

    What is lost and still runs is recorded again, as router and runtime show it.
    """
    from comporta.app.recovering import recover

    ctx, screen = open_context(environment, config, as_json=as_json, yes=yes)
    try:
        done = execute(ctx, lambda: recover(ctx))
    finally:
        screen.close()
    if as_json:
        print_json(
            {
                "kept": done.salvage.kept,
                "lost": done.salvage.lost,
                "problem": done.salvage.problem,
                "aside": done.aside,
                "found": done.found,
            }
        )
    else:
        _print_recovered(done)


def _print_recovered(done: Recovered) -> None:
    salvage = done.salvage
    say(f"{paint('recovered:', 'green')} {salvage.kept} records are kept, {len(salvage.lost)} are lost")
    say(f"aside   {done.aside}")
    for release in done.found:
        say(f"found   {release}, by what runs")
    say(f"serves  {f'{done.serving[0]}, {done.serving[1]} instances' if done.serving else 'nothing'}")


def _facts(found: Audit) -> dict[str, Any]:
    return {
        "ok": found.whole,
        "records": found.records,
        "from": iso(found.oldest.at) if found.oldest else None,
        "to": iso(found.newest.at) if found.newest else None,
        "head": found.newest.hash if found.newest else None,
        "lost_head": found.lost_head or None,
        "broken": _place(found.broken) if found.broken else None,
    }


def _place(record: Record) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "at": iso(record.at),
        "environment": record.environment,
        "deployment": record.deployment,
        "kind": record.kind,
    }


def _print(found: Audit) -> None:
    if found.broken is not None:
        where = found.broken
        of = f" of deployment {where.deployment}" if where.deployment else ""
        say(f"{paint('changed:', 'red')} the journal is not as it was written.")
        say(f"The first wrong record is number {where.sequence}, {clock_time(where.at)}, {where.kind}{of}:")
        say("it, or the one before it, was changed, added or removed.")
        say(f"{paint('next:', 'cyan')} {as_called('`comporta audit recover` goes on with what is whole')}")
    elif found.lost_head:
        say(f"{paint('cut off:', 'red')} no record has the hash {found.lost_head} any more.")
        say("What is there is a whole chain: its end was removed, or all of it was made anew.")
    elif found.oldest is None or found.newest is None:
        say("The journal is empty.")
    else:
        say(f"{paint('whole:', 'green')} {found.records} records, each following from the one before")
        say(f"from    {clock_time(found.oldest.at)}")
        say(f"to      {clock_time(found.newest.at)}")
        say(f"head    {found.newest.hash}")
