"""A candidate whose deployment turned back runs on for a look: without users, for a while, and never as a way back."""

from __future__ import annotations

from contextlib import suppress

import pytest

from comporta.app.deploy import deploy
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort
from comporta.model.journal import Kind, Outcome
from comporta.model.release import Occupant, SlotState
from comporta.model.traffic import Slot
from comporta.steps.start_instances import StartInstances
from comporta.strategies import blue_green
from simulation.world import Crash, Fault, World
from support import specs


def deployed(world: World, version: str) -> Ended:
    ended = world.run(lambda ctx: deploy(ctx, version, blue_green.plan))
    assert isinstance(ended, Ended)
    return ended


def green(world: World) -> SlotState:
    return world.snapshot().green


def occupant(world: World) -> Occupant:
    found = green(world).occupant
    assert found is not None
    return found


def after_a_failure(**changes: object) -> World:
    """1.0.0 serves from blue; 1.1.0 never got healthy in green."""
    world = World(specs.spec(**changes), sick={"1.1.0"})
    deployed(world, "1.0.0")
    assert deployed(world, "1.1.0").deployment.outcome is Outcome.ABORTED
    return world


def test_it_runs_on_without_traffic_and_the_end_of_the_deployment_says_where() -> None:
    world = World(specs.spec(keep_failed=600.0), failing={"1.1.0"})
    deployed(world, "1.0.0")
    ended = deployed(world, "1.1.0")
    assert ended.deployment.outcome is Outcome.ROLLED_BACK
    assert green(world).running
    assert occupant(world).release.version == "1.1.0"
    assert occupant(world).failed
    weights = world.snapshot().routing.traffic.weights
    assert weights is not None
    assert weights.of(Slot.GREEN) == 0
    assert ended.kept is not None
    assert ended.kept.slot is Slot.GREEN
    assert ended.kept.until == occupant(world).warm_until == pytest.approx(world.clock.now() + 600.0)
    assert ended.kept.addresses == tuple(i.address for i in green(world).instances)


def test_it_expires_by_itself() -> None:
    world = after_a_failure(keep_failed=600.0)
    world.wait(599.0)
    assert green(world).running
    world.wait(2.0)
    assert green(world) == SlotState(slot=Slot.GREEN)


def test_it_is_kept_as_long_as_its_last_requests_may_take() -> None:
    world = after_a_failure(keep_failed=1.0)
    assert occupant(world).warm_until == pytest.approx(world.clock.now() + world.spec.blue_green.drain)


def test_it_is_stopped_at_once_where_the_config_says_so() -> None:
    assert green(after_a_failure(keep_failed=0.0)) == SlotState(slot=Slot.GREEN)


def test_one_that_only_runs_because_it_was_restarted_is_stopped() -> None:
    world = World(specs.spec(instances=1))
    deployed(world, "1.0.0")
    with suppress(Crash):
        world.run(lambda ctx: deploy(ctx, "1.1.0", blue_green.plan), Fault("crash", 40))
    world.runtime.crash(Slot.GREEN, 1)
    assert occupant(world).release.version == "1.1.0"
    assert world.run(lambda ctx: abort(ctx, None)).kept is None
    assert green(world) == SlotState(slot=Slot.GREEN)


def test_the_next_deployment_takes_its_place() -> None:
    world = after_a_failure()
    assert deployed(world, "1.2.0").deployment.outcome is Outcome.PROMOTED
    assert (occupant(world).release.version, occupant(world).failed) == ("1.2.0", False)


def test_the_same_release_starts_afresh() -> None:
    world = after_a_failure()
    before = {i.pid for i in green(world).instances}
    world.sick.clear()
    assert deployed(world, "1.1.0").deployment.outcome is Outcome.PROMOTED
    assert (occupant(world).release.version, occupant(world).failed) == ("1.1.0", False)
    assert before.isdisjoint({i.pid for i in green(world).instances})


def test_its_last_requests_are_answered_before_the_next_deployment_ends_it() -> None:
    world = after_a_failure()
    deployed(world, "1.2.0")
    (started,) = [r for r in world.records(Kind.DONE) if r.deployment == 3 and "addresses" in r.data]
    assert started.data["cut"] == 0


def test_it_is_never_started_again_by_an_undo() -> None:
    world = after_a_failure(keep_failed=600.0)
    world.sick.add("1.2.0")
    ended = deployed(world, "1.2.0")
    assert ended.deployment.outcome is Outcome.ABORTED
    assert occupant(world).release.version == "1.2.0"
    (start,) = [s for s in ended.deployment.plan.steps if isinstance(s, StartInstances)]
    assert start.found is not None
    assert start.found.failed
    assert not start.restore


@pytest.mark.parametrize("version", ["1.1.0", "1.2.0"])
def test_an_undo_that_comes_before_it_was_touched_leaves_it_alone(version: str) -> None:
    untouched = 0
    for at in range(12):
        world = after_a_failure()
        before = green(world)
        world.wait(100.0)
        ended = world.run(lambda ctx: deploy(ctx, version, blue_green.plan), Fault("abort", at))
        assert isinstance(ended, Ended)
        assert ended.deployment.outcome is Outcome.ABORTED
        if not any(r.deployment == 3 and r.step == 1 for r in world.records(Kind.INTENT)):
            continue
        untouched += green(world) == before
    assert untouched


def test_a_rollback_to_it_starts_it_afresh() -> None:
    world = after_a_failure()
    before = {i.pid for i in green(world).instances}
    world.sick.clear()
    ended = world.run(lambda ctx: rollback(ctx, to="1.1.0"))
    assert isinstance(ended, Ended)
    assert ended.deployment.outcome is Outcome.PROMOTED
    assert before.isdisjoint({i.pid for i in green(world).instances})


def test_a_warm_release_is_restored_instead() -> None:
    world = World(sick={"1.2.0"})
    for version in ("1.0.0", "1.1.0"):
        deployed(world, version)
    warm = world.snapshot().blue.occupant
    ended = deployed(world, "1.2.0")
    assert ended.deployment.outcome is Outcome.ABORTED
    assert ended.kept is None
    assert world.snapshot().blue.occupant == warm


def test_killed_anywhere_in_the_undo_it_is_kept_in_the_end() -> None:
    undone = 0
    for at in range(100):
        world = World(specs.spec(instances=2), sick={"1.1.0"})
        deployed(world, "1.0.0")
        try:
            world.run(lambda ctx: deploy(ctx, "1.1.0", blue_green.plan), Fault("crash", at))
            continue
        except Crash:
            pass
        if not any(r.deployment == 2 for r in world.records(Kind.UNDO_INTENT)):
            continue
        undone += 1
        ended = world.run(lambda ctx: abort(ctx, None)) if any_open(world) else None
        assert ended is None or ended.deployment.outcome is Outcome.ABORTED
        assert occupant(world).failed, f"crashed at {at}"
        assert green(world).running
    assert undone > 3


def any_open(world: World) -> bool:
    return {r.deployment for r in world.records(Kind.OPENED)} != {r.deployment for r in world.records(Kind.FINISHED)}
