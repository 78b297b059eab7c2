"""Play schedules in the simulated world: the whole of comporta on virtual time, with whatever can go wrong.

Run: python scripts/simulate.py --minutes 30            # many, as at night
     python scripts/simulate.py --seed 4711 --schedules 1   # one once more, and what happened in it

A failure is printed with its seed and with the command that plays it again; then the exit code is 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from simulation.schedules import Played, play

CHUNK = 20
TELL_EVERY = 10.0
"""Seconds between two lines about how far it is."""


def played(seeds: Iterable[int], jobs: int) -> Iterator[Played]:
    """Play these schedules, in `jobs` processes."""
    chunks = _chunks(seeds)
    # Afresh: a fork would share what this process has imported, random states included.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_play_all, chunk) for chunk in islice(chunks, 2 * jobs)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_play_all, chunk) for chunk in islice(chunks, len(done))}
            for chunk in done:
                yield from chunk.result()


def _chunks(seeds: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(seeds)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _play_all(seeds: list[int]) -> list[Played]:
    return [play(seed) for seed in seeds]


class Tally:
    """How many there were, and how fast."""

    def __init__(self) -> None:
        self.began = self.told = time.monotonic()
        self.schedules = self.deployments = self.failures = 0

    def add(self, one: Played) -> None:
        self.schedules += 1
        self.deployments += one.deployments
        self.failures += bool(one.failure)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def cpu_each(self) -> float:
        """Seconds of CPU time for a deployment, once those who played have ended: others may share the cores."""
        spent = os.times()
        return (spent.children_user + spent.children_system) / max(1, self.deployments)

    def __str__(self) -> str:
        rate = self.deployments / self.seconds * 60
        counts = f"{self.schedules:,} schedules, {self.deployments:,} deployments, {self.failures} failures"
        return f"{counts}; {rate:,.0f} deployments a minute"


def tell_failure(one: Played) -> None:
    click.echo(f"\nschedule {one.seed} failed:", err=True)
    click.echo("\n".join([*one.story, one.failure]), err=True)
    click.echo(f"again: python scripts/simulate.py --seed {one.seed} --schedules 1\n", err=True)


@click.command()
@click.option("--seed", default=0, show_default=True, help="The first schedule's; the others follow.")
@click.option("--schedules", type=click.IntRange(min=1), help="How many.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="For how long.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
def main(seed: int, schedules: int | None, minutes: float | None, jobs: int) -> None:
    """Play schedules until there were that many, or until the time is over: 1,000 if nothing is said."""
    if schedules is None and minutes is None:
        schedules = 1000
    seeds = count(seed) if schedules is None else range(seed, seed + schedules)
    tally = Tally()
    for one in played(_while_there_is_time(seeds, tally, minutes), jobs):
        tally.add(one)
        if one.failure:
            tell_failure(one)
        elif schedules == 1:
            click.echo("\n".join(one.story))
        if time.monotonic() > tally.told + TELL_EVERY:
            tally.told = time.monotonic()
            click.echo(str(tally))
    click.echo(f"{tally}; {tally.cpu_each * 1000:.1f} ms of CPU time each")
    sys.exit(1 if tally.failures else 0)


def _while_there_is_time(seeds: Iterable[int], tally: Tally, minutes: float | None) -> Iterator[int]:
    for seed in seeds:
        if minutes is not None and tally.seconds > minutes * 60:
            return
        yield seed


if __name__ == "__main__":
    main()
