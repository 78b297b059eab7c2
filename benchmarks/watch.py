"""What the watch keeps and asks: the size of two days of seconds, and the CPU time of one look's questions.

python benchmarks/watch.py
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import click

from comporta.drivers.series.sqlite import SqliteSeries
from comporta.model.watching import Second, Tally

DAY = 86_400
SECONDS = 2 * DAY


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(measure, Path(folder) / "watch.db")


async def measure(path: Path) -> None:
    series = SqliteSeries(path)
    await series.add([second(at) for at in range(SECONDS)], cursor="", forget_before=0)
    click.echo(f"two days of seconds          {path.stat().st_size / 1e6:6.1f} MB")

    async def add() -> None:
        await series.add([second(SECONDS)], cursor="", forget_before=0)

    async def five_minutes() -> None:
        await series.seconds(SECONDS - 300, SECONDS)

    async def a_day() -> None:
        await series.total(DAY, SECONDS)

    click.echo(f"adding a second              {await cost(add):6.2f} ms")
    click.echo(f"reading five minutes         {await cost(five_minutes):6.2f} ms")
    click.echo(f"adding up a day, each minute {await cost(a_day):6.2f} ms")


def second(at: int) -> Second:
    tally = Tally(requests=50, errors=1, seconds=random.random() * 5, timed=49, probes=1)
    return Second(at=at, release=3, tally=tally)


async def cost(ask: Callable[[], Awaitable[None]], times: int = 50) -> float:
    """CPU milliseconds of one question."""
    began = time.process_time()
    for _ in range(times):
        await ask()
    return 1000 * (time.process_time() - began) / times


if __name__ == "__main__":
    main()
