"""How long `comporta report` takes over a long history.

Run: python benchmarks/report.py [deployments, default 100000]

The history is synthetic, but each deployment has its plan, as the strategy makes it, and the records of all steps.
Beside it, in the same run: an empty Python, `comporta --help`, and a report over nothing, which is what the command and
its config cost. All with compiled bytecode, as users have it, whatever $PYTHONDONTWRITEBYTECODE says here. Exits with 1
if one takes a second of CPU time or more.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import click

from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.model.chain import GENESIS, digest
from comporta.model.checks import HttpCheck
from comporta.model.journal import Holder, Kind, Record
from comporta.model.release import SlotState
from comporta.model.snapshot import Snapshot
from comporta.model.spec import HealthSpec
from comporta.model.traffic import ReleaseRef, Routing, Slot, Traffic
from comporta.model.values import to_json
from comporta.strategies import blue_green

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import specs

BEFORE = ReleaseRef(number=1, version="0.9.0")

ALLOWED = 1.0
ROW = "INSERT INTO records VALUES (?, ?, 'development', ?, ?, ?, 'ana', 1, ?, ?, ?)"
DAYS = 80 * 86400.0


def history(count: int, plan: str, steps: int) -> Iterator[tuple[object, ...]]:
    """Rows of that many deployments until now: 4 in 5 are promoted, one in ten is a rollback."""
    chance, now, release = random.Random(1), time.time(), to_json(specs.release(0, "1.0.0"))
    for number in range(1, count + 1):
        at = now - DAYS + DAYS * number / count
        strategy = chance.choices(("blue-green", "canary", "rollback"), (6, 3, 1))[0]
        yield at - 60, None, "release", None, json.dumps({**release, "number": number})
        yield at, number, "opened", None, plan.replace("STRATEGY", strategy).replace('"NUMBER"', str(number))
        for step in range(steps):
            yield at + step, number, "intent", step, "{}"
            yield at + step + 0.5, number, "done", step, json.dumps({"slowest": {"api": 0.01}, "attempts": 3})
        outcome = chance.choices(("promoted", "aborted", "rolled-back"), (8, 1, 1))[0]
        figures = {"outcome": outcome, "cause": "", "requests": 9000, "lost": 0, "switch_seconds": 0.002}
        yield at + chance.lognormvariate(5, 0.5), number, "finished", None, json.dumps(figures)


def chained(rows: Iterator[tuple[Any, ...]], latest: int, previous: str) -> Iterator[tuple[object, ...]]:
    """The rows as the journal writes them: what is read is held against its hash."""
    for sequence, (at, deployment, kind, step, data) in enumerate(rows, start=latest + 1):
        record = Record(
            sequence=sequence,
            at=at,
            environment="development",
            deployment=deployment,
            kind=Kind(kind),
            step=step,
            actor="ana",
            generation=1,
            data=json.loads(data),
            previous=previous,
            hash="",
        )
        hash_ = digest(record)
        yield sequence, at, deployment, kind, step, data, previous, hash_
        previous = hash_


def fill(path: Path, count: int) -> None:
    made = plan()
    text = json.dumps({"plan": made, "reason": "", "cursor": None}, sort_keys=True)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    before = db.execute("SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1").fetchone() or (0, GENESIS)
    db.executemany(ROW, chained(history(count, text, len(made["steps"])), *before))
    db.execute("COMMIT")
    db.close()


def plan() -> dict[str, Any]:
    """A blue-green deployment of three instances with six checks, its strategy and numbers to be filled in."""
    checks = tuple(HttpCheck(name=f"check-{n}", path=f"/api/health/{n}") for n in range(6))
    spec = specs.spec(instances=3, health=HealthSpec(checks=checks))
    snapshot = Snapshot(
        routing=Routing(running=True, topology=specs.topology(3), traffic=Traffic().with_all_to(Slot.BLUE, BEFORE)),
        blue=SlotState(slot=Slot.BLUE, occupant=specs.occupant(1, 3)),
        green=SlotState(slot=Slot.GREEN),
    )
    facts = to_json(blue_green.plan(spec, snapshot, specs.release(0, "1.0.0")))
    return {**facts, "strategy": "STRATEGY", "release": {"number": "NUMBER", "version": "1.0.0"}}


async def made(path: Path) -> None:
    """An empty journal, as the driver makes it."""
    journal = SqliteJournal(path, redact=str)
    await journal.release(await journal.acquire("development", holder(), at=0.0))


def holder() -> Holder:
    return Holder(host="h", boot_id="b", pid=1, started=0.0, actor="ana")


def taken(words: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of one run, the median of five; one before them compiles what it imports."""
    runs = [_once(words, folder) for _ in range(6)][1:]
    return median(cpu for cpu, _ in runs), median(wall for _, wall in runs)


def _once(words: list[str], folder: Path) -> tuple[float, float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    before = os.times()
    subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return spent, after.elapsed - before.elapsed


@click.command()
@click.argument("count", type=click.IntRange(min=1), default=100_000)
def main(count: int) -> None:
    """Print the table."""
    comporta = [sys.executable, "-m", "comporta.main"]
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*comporta, "init", "--service", "bench"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        journal = folder / ".comporta" / "journal.db"
        empty = folder / "empty" / "comporta.yml"
        empty.parent.mkdir()
        empty.write_text((folder / "comporta.yml").read_text())
        anyio.run(made, journal)
        fill(journal, count)
        click.echo(f"{count:,} deployments, {journal.stat().st_size / 2**20:,.0f} MiB of journal")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "comporta --help": [*comporta, "--help"],
            "report over nothing": [*comporta, "report", "-c", str(empty)],
            "comporta report": [*comporta, "report"],
            "comporta report --json": [*comporta, "report", "--json"],
            "comporta report --html": [*comporta, "report", "--html", "report.html"],
        }
        click.echo(f"{'command':26}{'CPU s':>10}{'wall s':>10}")
        for title, words in commands.items():
            cpu, wall = taken(words, folder)
            slowest = max(slowest, cpu)
            click.echo(f"{title:26}{cpu:10.3f}{wall:10.3f}")
    sys.exit(1 if slowest >= ALLOWED else 0)


if __name__ == "__main__":
    main()
