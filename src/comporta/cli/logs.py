"""`comporta logs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import common, execute, open_context, told
from comporta.cli.printing import say
from comporta.model.errors import UsageError
from comporta.model.traffic import Slot

if TYPE_CHECKING:
    from comporta.app.context import Context


@click.command("logs")
@click.option("--slot", type=click.Choice([s.value for s in Slot]), help="Which slot (default: the live one).")
@click.option("--instance", type=click.IntRange(min=1), help="Only this instance.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True, help="Lines per instance.")
@click.option("--previous", is_flag=True, help="Of the release that was in the slot before, such as one that failed.")
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written.")
@common
@told
def command(
    slot: str | None,
    instance: int | None,
    lines: int,
    previous: bool,
    follow: bool,
    environment: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show what the instances of a slot write."""
    ctx, _ = open_context(environment, config, as_json=as_json)
    wanted = {"lines": lines, "index": instance, "previous": previous, "follow": follow}
    execute(ctx, lambda: _print(ctx, Slot(slot) if slot else None, wanted, as_json))


async def _print(ctx: Context, slot: Slot | None, wanted: dict[str, Any], as_json: bool) -> None:
    """With --json, a document a line: who follows cannot wait for the end."""
    chosen = slot or (await ctx.ports.router.observe()).traffic.live
    if chosen is None:
        raise UsageError("cannot choose a slot: nothing is live", next="name one: --slot blue or --slot green")
    async for line in ctx.ports.runtime.logs(chosen, **wanted):
        if as_json:
            say(json.dumps({"instance": f"{chosen}-{line.index}", "text": line.text}, ensure_ascii=False))
        else:
            say(f"{chosen}-{line.index} | {line.text}")
