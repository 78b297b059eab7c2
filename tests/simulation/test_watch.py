"""The watch on virtual time: a release that turns bad is taken back, once, and only where that is a cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import pytest

from comporta.app.context import Context
from comporta.app.deploy import deploy
from comporta.app.locking import lock, unlock
from comporta.app.maintenance import maintenance_off, maintenance_on
from comporta.app.watching import Seen, watch
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.spec import BlueGreenSpec
from comporta.strategies import blue_green
from simulation.world import World
from support import specs

SETTLED = 400
"""Seconds in which all is well, before anything turns bad."""


@dataclass
class Watched:
    """1.1.0 serves instead of 1.0.0, which is still warm."""

    world: World

    @classmethod
    def begin(cls, **changes: object) -> Watched:
        world = World(specs.spec(blue_green=BlueGreenSpec(stabilize=5.0, keep_warm=36_000.0), **changes))
        watched = cls(world)
        for version in ("1.0.0", "1.1.0"):
            world.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))  # type: ignore[misc]
            watched.go_on(SETTLED)
        return watched

    def go_on(self, seconds: float, at: Callable[[Seen], None] = lambda seen: None) -> None:
        """Watch for so long, in a process of its own."""

        async def watching(ctx: Context) -> None:
            with anyio.move_on_after(seconds):
                await watch(ctx, at)

        self.world.run(watching)

    def turn_bad(self, how: str, *versions: str) -> float:
        """From now on; returns the time."""
        if how == "dead":
            live = self.world.snapshot().routing.traffic.live
            assert live is not None
            self.world.kill(live)
        else:
            self.world._count()
            getattr(self.world, how).update(versions or ("1.1.0",))
        return self.world.clock.now()

    def recover(self) -> None:
        live = self.world.snapshot().routing.traffic.live
        assert live is not None
        self.world.revive(live)
        for how in (self.world.failing, self.world.slow, self.world.sick):
            how.clear()

    @property
    def live(self) -> str:
        release = self.world.snapshot().live
        assert release is not None
        assert release.occupant is not None
        return release.occupant.release.version

    @property
    def rollbacks(self) -> list[Record]:
        return [r for r in self.world.records(Kind.OPENED) if "automatic" in r.data]

    @property
    def alerts(self) -> list[tuple[str, bool]]:
        return [(r.data["name"], r.data["crossed"]) for r in self.world.records(Kind.ALERT)]


TRIGGERS = [("failing", 300.0), ("slow", 120.0), ("dead", 60.0)]


@pytest.mark.parametrize(("how", "window"), TRIGGERS)
def test_a_release_that_turns_bad_is_taken_back_at_the_end_of_the_window(how: str, window: float) -> None:
    watched = Watched.begin()
    since = watched.turn_bad(how)
    watched.go_on(window + 30)
    [rollback] = watched.rollbacks
    # The figures of a second are complete one second later; then there is a look each second.
    assert window <= rollback.at - since <= window + 3
    assert watched.live == "1.0.0"
    [ended] = [r for r in watched.world.records(Kind.FINISHED) if r.deployment == rollback.deployment]
    assert ended.data["outcome"] == Outcome.PROMOTED
    assert rollback.data["reason"].startswith("AUTO: ")


@pytest.mark.parametrize(("how", "window"), TRIGGERS)
def test_what_ends_a_second_too_early_does_nothing(how: str, window: float) -> None:
    watched = Watched.begin()
    watched.turn_bad(how)
    watched.go_on(window - 1)
    watched.recover()
    watched.go_on(600)
    assert watched.rollbacks == []
    assert watched.live == "1.1.0"


def test_a_watch_that_is_killed_in_the_middle_of_a_window_finishes_it() -> None:
    watched = Watched.begin()
    since = watched.turn_bad("failing")
    watched.go_on(150)
    watched.go_on(200)
    [rollback] = watched.rollbacks
    assert rollback.at - since <= 303


def test_an_outage_of_what_both_releases_need_is_told_and_not_rolled_back() -> None:
    watched = Watched.begin()
    watched.turn_bad("failing", "1.0.0", "1.1.0")
    watched.turn_bad("sick", "1.0.0", "1.1.0")
    watched.go_on(1000)
    assert watched.rollbacks == []
    assert watched.live == "1.1.0"
    assert ("rollback-errors", True) in watched.alerts
    watched.recover()
    watched.go_on(1000)
    assert ("rollback-errors", False) in watched.alerts
    assert len(watched.alerts) == len(set(watched.alerts)), "each alert is told once, and its end once"


def test_a_failed_candidate_that_is_kept_for_a_look_says_nothing_of_the_release_before() -> None:
    watched = Watched.begin(keep_failed=36_000.0)
    watched.world.wait(40_000)  # what was warm is over
    watched.go_on(SETTLED)
    watched.world.sick.add("1.2.0")
    watched.world.run(lambda ctx: deploy(ctx, "1.2.0", blue_green.plan))
    live = watched.world.snapshot().routing.traffic.live
    assert live is not None
    kept = watched.world.snapshot().slot(live.other).occupant
    assert kept is not None
    assert kept.failed
    watched.turn_bad("failing")
    watched.go_on(330)
    assert watched.live == "1.0.0"


def test_a_release_before_that_was_as_bad_is_no_cure() -> None:
    watched = Watched.begin()
    watched.turn_bad("failing", "1.1.0", "1.2.0")
    watched.go_on(100)
    patient = BlueGreenSpec(stabilize=5.0, max_error_rate=1.0, keep_warm=36_000.0)
    watched.world.spec = specs.spec(blue_green=patient)
    watched.go_on(150)
    watched.world.run(lambda ctx: deploy(ctx, "1.2.0", blue_green.plan))
    watched.go_on(600)
    assert watched.rollbacks == []
    assert watched.live == "1.2.0"


def test_what_an_automatic_rollback_brought_back_is_not_rolled_back_again() -> None:
    watched = Watched.begin()
    watched.turn_bad("failing", "1.0.0", "1.1.0")  # by their health checks, both are well
    watched.go_on(2000)
    assert len(watched.rollbacks) == 1
    assert watched.live == "1.0.0"
    assert ("rollback-errors", True) in watched.alerts


def test_basic_monitoring_tells_and_changes_nothing() -> None:
    watched = Watched.begin(monitoring="basic")
    watched.turn_bad("failing")
    watched.go_on(400)
    assert watched.rollbacks == []
    assert ("rollback-errors", True) in watched.alerts


def test_a_deployment_that_runs_is_asked_to_go_back_itself() -> None:
    watched = Watched.begin()
    watched.turn_bad("failing", "1.2.0")
    patient = BlueGreenSpec(stabilize=900.0, max_error_rate=1.0, keep_warm=36_000.0)
    watched.world.spec = specs.spec(blue_green=patient)

    async def both(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(watch, ctx, lambda seen: None)
            await deploy(ctx, "1.2.0", blue_green.plan)
            group.cancel_scope.cancel()

    watched.world.run(both)
    [asked] = watched.world.records(Kind.ABORT)
    assert asked.data["reason"].startswith("AUTO: ")
    assert watched.live == "1.1.0"
    assert watched.rollbacks == []


def test_a_deployment_that_may_be_the_cure_is_left_alone() -> None:
    watched = Watched.begin()
    watched.turn_bad("failing", "1.1.0")
    watched.go_on(290)
    watched.world.spec = specs.spec(blue_green=BlueGreenSpec(stabilize=60.0, keep_warm=36_000.0))

    async def both(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(watch, ctx, lambda seen: None)
            await deploy(ctx, "1.2.0", blue_green.plan)
            group.cancel_scope.cancel()

    watched.world.run(both)
    assert watched.live == "1.2.0"
    assert watched.rollbacks == []


def test_what_a_person_has_locked_is_not_touched_and_told_once() -> None:
    watched = Watched.begin()
    watched.world.run(lambda ctx: lock(ctx, "looking into it"))
    watched.turn_bad("failing")
    watched.go_on(900)
    assert watched.rollbacks == []
    assert watched.alerts.count(("rollback-errors", True)) == 1
    watched.world.run(unlock)
    watched.go_on(10)
    assert watched.live == "1.0.0"


def test_maintenance_is_no_outage() -> None:
    watched = Watched.begin()
    watched.world.run(lambda ctx: maintenance_on(ctx, message="back soon"))
    watched.turn_bad("dead")
    watched.go_on(600)
    assert watched.rollbacks == []
    assert watched.alerts == []
    watched.recover()
    watched.world.run(maintenance_off)
    watched.turn_bad("dead")
    watched.go_on(59)
    assert watched.rollbacks == []
    watched.go_on(10)
    assert len(watched.rollbacks) == 1
