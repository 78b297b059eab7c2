"""A holder that is stopped or hangs is there, and gives no sign of life: whoever wants it to stop is not held up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, deploy
from comporta.app.leasing import SILENT_AFTER
from comporta.app.locking import unlock
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort, resume
from comporta.model.errors import LeaseHeld, LeaseLost
from comporta.model.journal import Outcome
from comporta.strategies import blue_green
from simulation.invariants import violations
from simulation.world import Fault, World, together

PLACES = range(60)
"""More than there are in this deployment."""
UseCase = Callable[[Context], Awaitable[object]]


def world() -> World:
    made = World(hang=10 * SILENT_AFTER)
    for version in ("1.0.0", "1.1.0"):
        made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))
        made.wait(600.0)
    return made


async def deploying(ctx: Context) -> object:
    return await deploy(ctx, "1.2.0", blue_green.plan)


async def aborting(ctx: Context) -> object:
    return await abort(ctx, None)


async def unlocking(ctx: Context) -> object:
    await unlock(ctx)
    return await resume(ctx)


@pytest.mark.parametrize("settle", [aborting, rollback, unlocking])
def test_whoever_wants_it_to_stop_gets_through_wherever_it_stands_still(settle: UseCase) -> None:
    for place in PLACES:
        made = world()
        stopped, settled = together(made, (0.0, deploying), (3.0, settle), fault=Fault("stop", place))
        assert not (found := violations(made)), f"at {place}: {found}"
        if made.stood_still:
            assert isinstance(stopped, LeaseLost), f"at {place} it went on: {stopped}"
            assert isinstance(settled, Ended | AlreadyLive), f"at {place}: {settled}"


def test_a_holder_that_shows_itself_keeps_its_lease() -> None:
    made = world()
    first, second = together(made, (0.0, deploying), (0.5, unlocking))
    assert isinstance(second, LeaseHeld)
    assert isinstance(first, Ended)
    assert first.deployment.outcome is Outcome.PROMOTED
