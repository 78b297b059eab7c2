"""Hundreds of schedules end as promised; of the bugs that are planted into the code, none gets through as many."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simulation.planted import BUGS, Plant
from simulation.schedules import Played, play

FIRST = 300
BUDGET = 600
"""Schedules of a test run; `scripts/simulate.py` plays millions."""


def told(one: Played) -> str:
    again = f"again: python scripts/simulate.py --seed {one.seed} --schedules 1"
    return "\n".join([*one.story, one.failure, again])


@pytest.mark.parametrize("first", range(FIRST, FIRST + BUDGET, 50))
def test_whatever_goes_wrong_it_ends_as_promised(first: int) -> None:
    for seed in range(first, first + 50):
        one = play(seed)
        assert not one.failure, told(one)


def test_a_seed_is_the_same_history_in_every_process() -> None:
    """Also where strings have other hashes."""
    seeds = [*range(10)]
    code = f"from simulation.schedules import play; print(*[play(seed).digest for seed in {seeds}])"
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.split() == [play(seed).digest for seed in seeds]


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    found = next((one for one in map(play, range(FIRST, FIRST + BUDGET)) if one.failure), None)
    assert found is not None, f"{BUDGET} schedules did not find it: {bug.__doc__}"
