"""The command, killed with SIGKILL at each point of a deployment and settled, while users go on asking.

All strategies, runtimes and routers are played by scripts/crash_matrix.py; here, one of them, and a share of others.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from comporta.engine.events import Direction, Moment
from comporta.model.journal import Outcome
from matrix.cells import COLD, WARM, Combination, Result, play, strategies
from matrix.outside import Expected, orphans, wrongs
from matrix.shops import ROUTERS, RUNTIMES, AnyShop, shop, why_without
from support.backends import free_port
from support.places import Point
from support.site import INSTANCES, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ALL = 1000
"""Deaths in one deployment: more than there are points."""
SHARE = 6
"""One point of so many."""
OTHERS = [
    Combination("process", "nginx-external", "emergency"),
    Combination("process", "haproxy", "rolling"),
    Combination("process", "haproxy-external", WARM),
    Combination("docker", "nginx", COLD),
    Combination("docker", "nginx-container", "blue-green"),
    Combination("docker", "haproxy", "canary"),
]


def told(results: list[Result]) -> list[object]:
    """The failures."""
    return [(result.places, result.orphans, result.wrong, result.examples) for result in results if result.failed]


def test_nothing_that_exists_is_missing_in_the_matrix() -> None:
    assert set(RUNTIMES) == set(entry_points(group="comporta.runtimes").names)
    assert {name.partition("-")[0] for name in ROUTERS} == set(entry_points(group="comporta.routers").names)
    assert set(strategies()) == {*entry_points(group="comporta.strategies").names, WARM, COLD}


def test_a_blue_green_deployment_that_is_killed_at_every_point_comes_to_a_good_end() -> None:
    results = [*play(Combination("process", "nginx", "blue-green"), deaths=ALL)]
    assert told(results) == []
    points = [Point.of(place) for result in results for place in result.places]
    for direction in Direction:
        assert {point.moment for point in points if point.direction is direction} == {*Moment}
    assert {point.step for point in points} >= {"start-instances", "shift-traffic", "drain-slot"}


@pytest.mark.parametrize("others", OTHERS, ids=str)
def test_others_come_to_a_good_end_wherever_they_are_killed(others: Combination) -> None:
    if cause := why_without(others.runtime, others.router):
        pytest.skip(cause)
    results = [*play(others, deaths=ALL, choose=lambda points: points[::SHARE])]
    assert told(results) == []
    assert sum(len(result.places) for result in results) > len(Moment)


def test_the_harness_sees_an_orphan_a_held_lease_another_release_and_a_lost_record(tmp_path: Path) -> None:
    with shop(tmp_path, "process", "nginx") as made:
        made.comporta("deploy", "1.0.0", "--yes")
        assert seen(made) == ""
        stray = subprocess.Popen([sys.executable, "app.py", str(free_port())], cwd=made.folder / "releases" / "1.0.0")
        assert f"{stray.pid}: " in seen(made)
        stray.kill()
        stray.wait()
        made.comporta("lock", "-m", "mine")
        assert "the lease is held" in seen(made)
        made.comporta("unlock")
        assert seen(made) == ""
        link = made.folder / ".comporta" / "development" / "nginx" / "traffic" / "live"
        before = link.readlink()
        link.unlink()
        link.symlink_to("green-7-0123456789ab")
        assert "has ('green', 7) in force" in seen(made)
        link.unlink()
        link.symlink_to(before)
        with closing(sqlite3.connect(made.folder / ".comporta" / "journal.db")) as journal, journal:
            journal.execute("DELETE FROM records WHERE kind = 'done' AND step = 1")
        assert "its steps [1] are not done" in seen(made)
        assert "the chain of hashes is broken" in seen(made)


def seen(made: AnyShop) -> str:
    """What is not as it has to be after the first deployment."""
    status = made.json("status")
    expected = Expected("1.0.0", {"1.0.0": INSTANCES}, Outcome.PROMOTED, kills=0)
    return "\n".join([*wrongs(made, status, expected), *orphans(made, status)])


def test_what_was_interrupted_is_told_and_can_be_aborted_without_losing_a_request(tmp_path: Path) -> None:
    with site(tmp_path) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        for place in ("do:start-instances:after-intent", "do:shift-traffic:after-effect"):
            with User(made.port) as user:
                made.killed_at(place, "deploy", "1.1.0", "--yes")
                status = made.comporta("status").stdout
                aborted = made.comporta("abort").stdout
            assert "interrupted" in status
            assert "comporta resume" in status
            assert "took over the lease" in aborted
            assert (made.live(), user.failures) == ("1.0.0", [])


def test_killed_in_the_very_first_deployment(tmp_path: Path) -> None:
    with site(tmp_path) as made:
        made.killed_at("do:start-instances:after-effect", "deploy", "1.0.0", "--yes")
        assert "kept: 1.0.0" in made.comporta("abort", expect=None).stderr
        assert made.running() == {"1.0.0": INSTANCES}
        assert made.live() is None
        made.killed_at("do:shift-traffic:after-intent", "deploy", "1.0.0", "--yes")
        made.comporta("resume", "--yes")
        assert made.answers() == "1.0.0"
