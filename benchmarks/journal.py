"""How long `comporta status` and `comporta history` take over a long history, and how large a deployment is on disk.

Run: python benchmarks/journal.py [deployments, default 10000]

The history is that of `report.py`: each deployment has its plan and the records of all steps. Three figures for each
command: over that history; over an empty one, which is what starting, the config and an absent router cost; and the
difference, which is the journal's part. Exits with 1 if a command takes 0.3 s of CPU time or more. Below them: what
whoever changes something waits for besides, as the whole file is checked when the lease is taken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
import click
from report import fill, holder, made, plan, taken

from comporta.drivers.journals.sqlite import SqliteJournal

ALLOWED = 0.3
COMMANDS = {
    "status": ["status"],
    "status --json": ["status", "--json"],
    "history": ["history"],
    "history, all environments": ["history", "--all-environments"],
    "history --limit 200": ["history", "--limit", "200"],
}


def site(folder: Path, count: int) -> Path:
    """A folder with a config, and with so many deployments in its journal. Returns the journal."""
    folder.mkdir()
    init = [sys.executable, "-m", "comporta.main", "init", "--service", "bench"]
    subprocess.run(init, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    journal = folder / ".comporta" / "journal.db"
    anyio.run(made, journal)
    if count:
        fill(journal, count)
    return journal


async def taking_the_lease(path: Path) -> float:
    """Seconds of CPU time."""
    journal = SqliteJournal(path, redact=str)
    before = time.process_time()
    lease = await journal.acquire("development", holder(), at=0.0)
    spent = time.process_time() - before
    await journal.release(lease)
    return spent


@click.command()
@click.argument("count", type=click.IntRange(min=1), default=10_000)
def main(count: int) -> None:
    """Print the table."""
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journals = site(folder / "long", count), site(folder / "empty", 0)
        size = journals[0].stat().st_size - journals[1].stat().st_size
        each = f"{size / count:,.0f} bytes a deployment ({2 * len(plan()['steps']) + 3} records)"
        click.echo(f"{count:,} deployments, {size / 2**20:,.0f} MiB: {each}")
        click.echo(f"{'CPU s':26}{'long':>8}{'empty':>8}{'journal':>9}")
        for title, words in COMMANDS.items():
            comporta = [sys.executable, "-m", "comporta.main", *words]
            long, empty = (taken(comporta, folder / place)[0] for place in ("long", "empty"))
            slowest = max(slowest, long)
            click.echo(f"{title:26}{long:8.3f}{empty:8.3f}{long - empty:9.3f}")
        long, empty = (anyio.run(taking_the_lease, journal) for journal in journals)
        click.echo(f"{'the lease is taken':26}{long:8.3f}{empty:8.3f}{long - empty:9.3f}")
    sys.exit(1 if slowest >= ALLOWED else 0)


if __name__ == "__main__":
    main()
