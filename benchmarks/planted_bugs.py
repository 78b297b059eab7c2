"""How soon the simulation finds bugs that are planted into the engine, the steps, the strategies and the lease.

Run: python benchmarks/planted_bugs.py [first seed, default 0]

One process, schedule after schedule until one fails. Exits with 1 if a bug is not found within 60 s.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path

import click
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from simulation.planted import BUGS, Plant
from simulation.schedules import Played, play

ALLOWED = 60.0


def find(bug: Plant, seed: int) -> tuple[Played | None, float]:
    """The first schedule that fails with this bug, and the seconds until then; None after a minute."""
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        for one in map(play, count(seed)):
            spent = time.monotonic() - began
            if one.failure:
                return one, spent
            if spent > ALLOWED:
                return None, spent
    raise AssertionError("there is always another seed")


@click.command()
@click.argument("seed", default=0)
def main(seed: int) -> None:
    """Print the table."""
    missed = 0
    click.echo(f"{'bug':26}{'schedules':>10}{'seconds':>9}")
    for bug in BUGS:
        one, spent = find(bug, seed)
        missed += one is None
        told = f"{one.seed - seed + 1}" if one else "missed"
        click.echo(f"{bug.__name__:26}{told:>10}{spent:9.2f}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
