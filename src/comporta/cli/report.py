"""`comporta report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, paint, print_json, told
from comporta.cli.history import Moment
from comporta.cli.printing import say
from comporta.cli.times import clock_time, iso, span

if TYPE_CHECKING:
    from comporta.analysis.service_levels import Dora, Group, Level, Window

TITLES = {"success": "Success", "deployment": "Deployment", "rollback": "Rollback", "lost": "Lost requests"}


@click.command("report")
@click.option(
    "--since", type=Moment(), help="One window, from then on: 2026-11-24, 2h, 7d. Default: 7, 30 and 90 days."
)
@click.option("--all-environments", is_flag=True, help="Of every environment, not only of one.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts.")
@click.option("--check", is_flag=True, help="Exit with 1 if a level is missed, in any of the windows.")
@common
@told
def command(
    since: float | None,
    all_environments: bool,
    page: Path | None,
    check: bool,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """How well deploying goes: service levels kept or missed, and the four DORA figures."""
    from comporta.app.report import report

    ctx, _ = open_context(environment, config, as_json=as_json)
    windows = execute(ctx, lambda: report(ctx, None if all_environments else environment, since))
    if page is not None:
        from comporta.cli.report_page import render

        where = "all environments" if all_environments else environment
        page.write_text(render(ctx.spec.service, where, windows), encoding="utf-8")
    if as_json:
        print_json([_facts(window) for window in windows])
    else:
        say("\n\n".join(_text(window) for window in windows))
    sys.exit(1 if check and not all(window.whole.kept for window in windows) else 0)


def _facts(window: Window) -> dict[str, Any]:
    """A window for scripts: shares, seconds, requests; null where there was nothing to count."""
    return {
        "since": iso(window.since),
        "until": iso(window.until),
        "kept": window.whole.kept,
        **_group_facts(window.whole),
        "dora": _fields(window.dora),
        "groups": [_group_facts(group) for group in window.groups],
        "bars": [{**_fields(bar), "at": iso(bar.at)} for bar in window.bars],
    }


def _group_facts(group: Group) -> dict[str, Any]:
    named = {"environment": group.environment, "strategy": group.strategy} if group.environment else {}
    levels = {level.name: {**_fields(level), "kept": level.kept} for level in group.levels}
    return {**named, "deployments": group.deployments, "levels": levels}


def _fields(value: Any) -> dict[str, Any]:
    """Every field, also those that are at their default."""
    from msgspec.structs import asdict

    return asdict(value)


def _text(window: Window) -> str:
    from comporta.cli.screen import counted, rows

    count = counted(window.whole.deployments, "deployment")
    head = paint(f"{clock_time(window.since)} to {clock_time(window.until)}: {count}", "cyan")
    table: list[tuple[object, ...]] = [("", "Deployments", *TITLES.values())]
    for group in (window.whole, *window.groups):
        name = f"{group.environment}, {group.strategy}" if group.environment else "all"
        table.append((name, group.deployments, *(level_text(level) for level in group.levels)))
    return "\n".join([head, rows(table), *(f"{name:24}{value}" for name, value in dora_texts(window.dora))])


def level_text(level: Level) -> str:
    """Kept or missed, and the figure."""
    if level.value is None:
        return "-"
    return f"{'✓' if level.kept else '✗'} {figure(level.name, level.value)}"


def figure(name: str, value: float) -> str:
    """A level's value, as people read it."""
    return f"{value:.1%}" if name == "success" else f"{value:g}" if name == "lost" else span(value)


def dora_texts(dora: Dora) -> list[tuple[str, str]]:
    """The four figures: name, value and what it is made of."""
    rate = "-" if dora.change_failure_rate is None else f"{dora.change_failure_rate:.1%}"
    return [
        (
            "deployment frequency",
            f"{dora.per_day:.1f} a day" if dora.per_day >= 1 else f"{dora.per_day * 7:.1f} a week",
        ),
        ("lead time", f"{span(dora.lead_time)} from the first record of a release until it was promoted, median"),
        ("change failure rate", f"{rate} ({dora.failures} of {dora.changes} that reached users)"),
        ("time to restore", f"{span(dora.time_to_restore)} from the first act, median of {dora.restores}"),
    ]
