"""Kill every strategy on every runtime behind every router at every point: each time it has to come to a good end.

Run: python scripts/crash_matrix.py                                    # all of it
     python scripts/crash_matrix.py --runtime docker --router haproxy  # a part; the rest of the table stays

How it is played, and what has to be true, says docs/reliability.md. A failure is printed with the command that plays it
again; then the exit code is 1. What was played is kept in docs/crash_matrix.csv, and the table in docs/reliability.md
is written from it. Needs nginx and HAProxy, and for Docker scripts/docker_engine.sh.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from matrix.cells import Combination, Result, everything, play, strategies
from matrix.shops import ROUTERS, RUNTIMES, why_without
from matrix.table import Row, keep


def played(combination: Combination, deaths: int, at: str | None) -> list[Result]:
    """Play it, and tell how it goes; what could not even be set up is a failure as well."""
    results: list[Result] = []
    began = time.monotonic()
    try:
        for result in play(combination, deaths=deaths, choose=everything if at is None else lambda points: [at]):
            results.append(result)
            if result.failed:
                tell_failure(combination, result)
    except Exception:
        results.append(Result((), wrong=(traceback.format_exc(),)))
        tell_failure(combination, results[-1])
    failed = sum(result.failed for result in results)
    points = sum(len(result.places) for result in results)
    text = f"{combination}: killed at {points} points of {len(results)} deployments, {failed} failed"
    click.echo(f"{time.strftime('%H:%M:%S')} {text}; {time.monotonic() - began:.0f} s")
    return results


def tell_failure(combination: Combination, result: Result) -> None:
    lost = f"{result.lost} of {result.requests} requests lost"
    again = [f"again: python scripts/crash_matrix.py {combination.options} --at {place}" for place in result.places]
    places = ", ".join(result.places)
    lines = [
        f"\n{combination}, killed at {places}: {lost}",
        *result.wrong,
        *result.orphans,
        *result.examples,
        *again,
        "",
    ]
    click.echo("\n".join(lines), err=True)


def combinations(runtimes: tuple[str, ...], routers: tuple[str, ...], chosen: tuple[str, ...]) -> list[Combination]:
    """Those that this machine can play; the others are told."""
    wanted = runtimes or (*RUNTIMES,)
    places = [(one, router) for router in routers or ROUTERS for one in ROUTERS[router] if one in wanted]
    found = []
    for runtime, where in places:
        if cause := why_without(runtime, where):
            click.echo(f"left out: {runtime} behind {where}: {cause}", err=True)
        else:
            found += [Combination(runtime, where, strategy) for strategy in chosen or strategies()]
    return found


@click.command()
@click.option("--runtime", "runtimes", type=click.Choice([*RUNTIMES]), multiple=True)
@click.option("--router", "routers", type=click.Choice([*ROUTERS]), multiple=True)
@click.option("--strategy", "chosen", type=click.Choice(strategies()), multiple=True)
@click.option("--at", help="Play this point alone, and leave the table as it is.")
@click.option("--deaths", type=click.IntRange(min=1), default=1, show_default=True, help="In each deployment.")
@click.option("--jobs", type=click.IntRange(min=1), default=2 * (os.cpu_count() or 1), show_default=True)
def main(
    runtimes: tuple[str, ...],
    routers: tuple[str, ...],
    chosen: tuple[str, ...],
    at: str | None,
    deaths: int,
    jobs: int,
) -> None:
    """Play the chosen combinations; all, if none is named."""
    failed = 0
    # Afresh: each has a process of its own that its commands are forked from.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        todo = {pool.submit(played, one, deaths, at): one for one in combinations(runtimes, routers, chosen)}
        for done in as_completed(todo):
            results = done.result()
            failed += sum(result.failed for result in results)
            if at is None:
                keep([Row.of(todo[done], result) for result in results if result.places])
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
