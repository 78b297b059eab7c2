"""What `promote` and `pause` share: one message to a canary that runs elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from comporta.cli.base import execute, open_context, print_json
from comporta.cli.printing import say

if TYPE_CHECKING:
    from comporta.app.context import Context
    from comporta.app.deployments import Deployment


def steer(
    use_case: Callable[[Context], Awaitable[Deployment]],
    effect: str,
    environment: str,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Send the message, and say what comes of it."""
    ctx, _ = open_context(environment, config, as_json=as_json)
    found = execute(ctx, lambda: use_case(ctx))
    if as_json:
        print_json({"deployment": found.number, "version": found.version})
    else:
        say(f"Deployment {found.number} ({found.version}) {effect}.")
