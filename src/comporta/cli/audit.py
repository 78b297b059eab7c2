"""`comporta audit verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.times import clock_time, iso
from comporta.model.errors import EXIT_INCIDENT

if TYPE_CHECKING:
    from comporta.app.auditing import Audit
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
    """Check that nobody changed the journal."""


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
