"""`comporta database check VERSION`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.model.errors import EXIT_FAILED
from comporta.model.values import to_json

if TYPE_CHECKING:
    from comporta.app.database import Checked
    from comporta.model.migrations import Assessment, Hazard


@click.command("check")
@click.argument("version")
@click.option("--offline", is_flag=True, help="Read all migrations, also those that are applied; ask no database.")
@common
@told
def command(version: str, offline: bool, environment: str, config: Path | None, as_json: bool) -> None:
    """Read the pending migrations of VERSION: phase, hazards, and the safe way to write each.

    Exits with 1 if one would break the release that serves, or block its users.
    """
    from comporta.app.database import check

    ctx, _ = open_context(environment, config, as_json=as_json)
    checked = execute(ctx, lambda: check(ctx, version, offline=offline))
    if as_json:
        print_json({"version": checked.schema.version, "safe": not checked.stopping, "migrations": _facts(checked)})
    else:
        _print(checked)
    sys.exit(EXIT_FAILED if checked.stopping else 0)


def _facts(checked: Checked) -> list[dict[str, Any]]:
    return [
        {
            "revision": one.migration.revision,
            "title": one.migration.title,
            "file": one.migration.file,
            "reversible": one.migration.reversible,
            "phase": one.phase.value,
            "safe": not one.stopping,
            "hazards": to_json(one.hazards),
            "waived": to_json(one.waived),
        }
        for one in checked.assessments
    ]


def _print(checked: Checked) -> None:
    from comporta.cli.screen import rows

    if not checked.assessments:
        say(f"{checked.schema.version} brings no migration that the database lacks.")
        return
    table: list[tuple[object, ...]] = [("Revision", "Title", "Phase", "Way back", "Verdict")]
    for one in checked.assessments:
        back = "yes" if one.migration.reversible else "no"
        table.append((one.migration.revision, one.migration.title, one.phase, back, _verdict(one)))
    head, *lines = rows(table).splitlines()
    say("\n".join([paint(head, "cyan"), *lines]))
    for one in checked.assessments:
        for hazard in one.stopping:
            _print_hazard(hazard)
    count = len(checked.stopping)
    say(f"\n{count} hazard{'s' * (count != 1)}: not safe while users are served." if count else "\nSafe to apply.")


def _verdict(one: Assessment) -> str:
    if one.stopping:
        return f"not safe ({len(one.stopping)})"
    return f"safe by {len(one.waived)} given reason{'s' * (len(one.waived) != 1)}" if one.waived else "safe"


def _print_hazard(hazard: Hazard) -> None:
    say(f"\n{paint(f'{hazard.file}:{hazard.line}', 'cyan')}  {paint(hazard.harm, 'red')} ({hazard.rule})")
    say(f"  {hazard.message}")
    say(f"  {paint('instead:', 'green')} {hazard.remedy}")
