"""A proxy that died is started again with what it served, unless somebody changed its file meanwhile."""

from __future__ import annotations

import msgspec
import pytest

from comporta.drivers.system_clock import SystemClock
from comporta.model.traffic import Slot, Traffic
from comporta.ports.bundle import Ports
from comporta.steps.configure_router import bring_back
from comporta.testing.fake_router import FakeRouter
from comporta.testing.fake_runtime import FakeRuntime
from simulation.world import People
from support import specs

pytestmark = pytest.mark.anyio
TRAFFIC = Traffic().with_all_to(Slot.BLUE, specs.release(1).ref)


async def dead_router() -> tuple[FakeRouter, Ports]:
    router = FakeRouter(specs.SPEC.listen)
    await router.configure(specs.topology(1))
    await router.shift(TRAFFIC)
    router.die()
    clock = SystemClock()
    runtime = FakeRuntime(clock, {slot: specs.SPEC.ports(slot) for slot in Slot}, {})
    return router, Ports(clock, runtime, router, {}, People())


async def test_it_serves_what_it_served() -> None:
    router, ports = await dead_router()
    await bring_back(ports)
    assert (router.routing.running, router.routing.traffic, router.routing.topology) == (
        True,
        TRAFFIC,
        specs.topology(1),
    )


async def test_what_somebody_changed_by_hand_is_not_overwritten_for_it() -> None:
    router, ports = await dead_router()
    router.routing = msgspec.structs.replace(router.routing, tampered="nginx.conf was changed")
    await bring_back(ports)
    assert (router.routing.running, router.routing.tampered) == (False, "nginx.conf was changed")


async def test_one_that_runs_is_left_alone_and_one_that_never_was_is_not_made() -> None:
    router, ports = await dead_router()
    await bring_back(ports)
    await bring_back(ports)
    assert (router.lives, router.reloads) == (2, 0)
    await router.remove()
    await bring_back(ports)
    assert not router.routing.running
