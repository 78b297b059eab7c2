"""`comporta config show|check|schema`."""

from __future__ import annotations

from pathlib import Path

import click

from comporta.cli.base import common, composition, print_json, told
from comporta.cli.printing import say


@click.group("config")
def command() -> None:
    """Show, check or describe the config."""


@command.command("show")
@common
@told
def show(environment: str, config: Path | None, as_json: bool) -> None:
    """Print the config of an environment with all defaults filled in. Secrets are shown as ${NAME}."""
    print_json(composition().config_view(config, environment))


@command.command("check")
@common
@told
def check(environment: str, config: Path | None, as_json: bool) -> None:
    """Check the whole file, and that everything this environment refers to is there."""
    composition().config_view(config, environment)
    names = composition().config_environments(config)
    if as_json:
        print_json({"ok": True, "environments": names})
    else:
        say(f"The config is right. Environments: {', '.join(names)}")


@command.command("schema")
@told
def schema() -> None:
    """Print the JSON Schema of comporta.yml, for editors."""
    print_json(composition().config_schema())
