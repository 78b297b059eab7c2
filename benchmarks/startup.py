"""CPU time of the commands that people wait for: `comporta --help`, `comporta status`.

Run: python benchmarks/startup.py [runs, default 20]

Beside them, in the same run, an empty Python: what nobody can save. Exits with 1 if one takes 0.3 s or more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import click

ALLOWED = 0.3


def cpu_seconds(words: list[str], folder: Path) -> float:
    """User and system time of one run, children included; with compiled modules kept, as an installed command has."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run(words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


@click.command()
@click.argument("runs", type=click.IntRange(min=1), default=20)
def main(runs: int) -> None:
    """Print the table."""
    comporta = [sys.executable, "-m", "comporta.main"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "comporta --help": [*comporta, "--help"],
        "comporta status": [*comporta, "status"],
        "comporta history": [*comporta, "history"],
    }
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*comporta, "init", "--service", "bench"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        click.echo(f"{'command':20}{'median CPU s':>14}{'slowest':>10}")
        for title, words in commands.items():
            taken = [cpu_seconds(words, folder) for _ in range(runs)]
            slowest = max(slowest, median(taken))
            click.echo(f"{title:20}{median(taken):>14.3f}{max(taken):>10.3f}")
    sys.exit(1 if slowest >= ALLOWED else 0)


if __name__ == "__main__":
    main()
