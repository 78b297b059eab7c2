"""Somebody sets the machine's clock, while a deployment is under way or between two commands."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio

from comporta.app.context import Context
from comporta.app.deploy import Strategy, deploy
from comporta.app.deployments import deployments
from comporta.app.running import Ended
from comporta.app.settling import resume
from comporta.model.journal import Outcome
from comporta.model.spec import BlueGreenSpec
from comporta.strategies import blue_green, rolling
from simulation.invariants import violations
from simulation.world import Crash, Fault, World
from support import specs

HOUR = 3600.0
WAITS = BlueGreenSpec(stabilize=20.0, drain=10.0, final_timeout=10.0, keep_warm=2 * HOUR)


def world() -> World:
    made = World(specs.spec(blue_green=WAITS))
    made.run(lambda ctx: deploy(ctx, "1.0.0", blue_green.plan))
    made.wait(600.0)
    return made


def lasts(strategy: Strategy, *, set_after: float, by: float) -> float:
    """The seconds that a deployment takes to its good end."""
    made = world()

    async def deploying(ctx: Context) -> object:
        async with trio.open_nursery() as nursery:

            async def set_it() -> None:
                await trio.sleep(set_after)
                made.clock.set_by = by

            nursery.start_soon(set_it)
            ended = await deploy(ctx, "1.1.0", strategy)
            nursery.cancel_scope.cancel()
            return ended

    began = made.clock.monotonic()
    ended = made.run(deploying)
    assert isinstance(ended, Ended)
    assert ended.deployment.outcome is Outcome.PROMOTED
    assert not violations(made)
    assert ended.deployment.seconds == pytest.approx(made.clock.monotonic() - began, abs=1.0)
    return made.clock.monotonic() - began


@pytest.mark.parametrize("by", [-HOUR, HOUR])
@pytest.mark.parametrize("strategy", [blue_green.plan, rolling.plan])
def test_a_deployment_takes_as_long_as_ever_whenever_the_clock_is_set(strategy: Strategy, by: float) -> None:
    ever = lasts(strategy, set_after=0.0, by=0.0)
    for seconds in range(0, int(ever) + 1, 4):
        assert lasts(strategy, set_after=float(seconds), by=by) == pytest.approx(ever, abs=1.0), f"at {seconds} s"


@pytest.mark.parametrize("place", range(0, 60, 5))
def test_one_that_was_interrupted_is_finished_at_once_though_the_clock_was_set_back_since(place: int) -> None:
    made = world()
    with suppress(Crash):
        made.run(lambda ctx: deploy(ctx, "1.1.0", blue_green.plan), Fault("crash", place))
    newest = made.run(lambda ctx: deployments(ctx.journal, ctx.environment))[0]
    if newest.outcome is None:
        made.clock.set_by = -HOUR
        began = made.clock.monotonic()
        ended = made.run(resume)
        assert isinstance(ended, Ended)
        assert ended.deployment.outcome is Outcome.PROMOTED
        assert made.clock.monotonic() - began < 100.0
        assert (ended.deployment.seconds or 0.0) >= 0.0
        assert not violations(made)
