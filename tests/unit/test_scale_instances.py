"""The step that scales a slot: what it sees, does and undoes, in a world in memory."""

from __future__ import annotations

import msgspec
import pytest

from comporta.drivers.system_clock import SystemClock
from comporta.model.errors import CheckFailed, ForeignChange
from comporta.model.release import Occupant, SlotState
from comporta.model.traffic import Routing, Slot, Traffic
from comporta.ports.bundle import Ports
from comporta.steps.check_health import CheckHealth
from comporta.steps.plan import AnyStep
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.start_instances import StartInstances
from comporta.steps.step import Effect
from comporta.testing.fake_probe import FakeProbe
from comporta.testing.fake_router import FakeRouter
from comporta.testing.fake_runtime import FakeRuntime
from simulation.world import People
from support import specs

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = (specs.occupant(1, instances) for instances in (1, 2, 3))
UP = ScaleInstances(slot=Slot.GREEN, to=TWO, back_to=ONE, drain_bound=1.0)
FURTHER_UP = ScaleInstances(slot=Slot.GREEN, to=THREE, back_to=TWO, drain_bound=1.0)
DOWN = ScaleInstances(slot=Slot.GREEN, to=ONE, back_to=THREE, drain_bound=1.0)
START = StartInstances(slot=Slot.GREEN, to=ONE, found=None, restore=False, drain_bound=1.0)


class World:
    def __init__(self) -> None:
        clock = SystemClock()
        self.runtime = FakeRuntime(clock, {slot: specs.SPEC.ports(slot) for slot in Slot}, {})
        self.router = FakeRouter(specs.SPEC.listen)
        self.sick: set[int] = set()
        probe = FakeProbe(clock, lambda target: target.index not in self.sick)
        self.ports = Ports(clock, self.runtime, self.router, {"http": probe}, People())
        self.gives_traffic_to(Slot.BLUE)

    def gives_traffic_to(self, slot: Slot, instances: int | None = None) -> None:
        traffic = Traffic().with_all_to(slot, specs.release(1).ref)
        traffic = msgspec.structs.replace(traffic, green_instances=instances)
        self.router.routing = Routing(running=True, topology=specs.topology(), traffic=traffic)

    async def started(self, occupant: Occupant) -> SlotState:
        await self.runtime.start(Slot.GREEN, occupant)
        return await self.seen()

    async def seen(self) -> SlotState:
        return await self.runtime.observe(Slot.GREEN)

    async def do(self, step: ScaleInstances) -> None:
        await step.do(self.ports, self.ports.clock.now())


@pytest.fixture
def world() -> World:
    return World()


async def test_instances_are_added_to_those_that_run(world: World) -> None:
    before = await world.started(ONE)
    assert await UP.check(world.ports) is Effect.ABSENT
    await world.do(UP)
    assert await UP.check(world.ports) is Effect.IN_PLACE
    after = await world.seen()
    assert (after.occupant, after.running) == (TWO, True)
    assert after.instances[:1] == before.instances


async def test_a_dead_instance_is_no_instance(world: World) -> None:
    await world.started(TWO)
    world.runtime.kill(Slot.GREEN, 2)
    assert await UP.check(world.ports) is Effect.ABSENT


async def test_another_release_is_foreign_and_an_empty_slot_is_not(world: World) -> None:
    assert await UP.check(world.ports) is Effect.ABSENT
    await world.started(specs.occupant(2, 2))
    assert await UP.check(world.ports) is Effect.FOREIGN


async def test_the_way_back_takes_no_instance_away_while_there_may_be_requests(world: World) -> None:
    await world.started(ONE)
    await world.do(UP)
    await world.do(FURTHER_UP)
    world.gives_traffic_to(Slot.GREEN)
    for step in (FURTHER_UP, UP):
        assert await step.check(world.ports) is not Effect.FOREIGN
        await step.undo(world.ports)
        assert len((await world.seen()).instances) == 3
    world.gives_traffic_to(Slot.BLUE)
    assert await START.check(world.ports) is not Effect.FOREIGN
    await START.undo(world.ports)
    assert await world.seen() == SlotState(slot=Slot.GREEN)


async def test_instances_are_taken_away_from_a_slot_without_traffic_and_come_back(world: World) -> None:
    await world.started(THREE)
    await world.do(DOWN)
    assert ((await world.seen()).occupant, await DOWN.check(world.ports)) == (ONE, Effect.IN_PLACE)
    await DOWN.undo(world.ports)
    assert ((await world.seen()).occupant, (await world.seen()).running) == (THREE, True)


async def test_the_others_may_be_taken_away_where_only_the_first_ones_get_requests(world: World) -> None:
    before = await world.started(THREE)
    world.gives_traffic_to(Slot.GREEN, instances=1)
    await world.do(DOWN)
    assert (await world.seen()).instances == before.instances[:1]


@pytest.mark.parametrize("count", [2, 3])
async def test_none_is_taken_away_that_still_is_among_those_that_get_requests(world: World, count: int) -> None:
    before = await world.started(THREE)
    world.gives_traffic_to(Slot.GREEN, instances=count)
    with pytest.raises(ForeignChange, match="cannot drain green"):
        await world.do(DOWN)
    assert await world.seen() == before


async def test_the_way_back_ends_only_once_those_that_come_back_are_healthy(world: World) -> None:
    check = CheckHealth(
        slot=Slot.GREEN, instances=3, checks=specs.SPEC.health.checks, host="", timeout=0.1, interval=0.01
    )
    step = msgspec.structs.replace(DOWN, healthy=check)
    await world.started(THREE)
    await world.do(step)
    world.sick = {3}
    with pytest.raises(CheckFailed, match="green-3"):
        await step.undo(world.ports)
    world.sick = set()
    await step.undo(world.ports)
    assert (await world.seen()).running
    assert step.undo_title == "bring green back to 3 instances, and wait until they are healthy"


async def test_no_instance_is_taken_away_from_a_slot_that_gets_requests(world: World) -> None:
    before = await world.started(THREE)
    world.gives_traffic_to(Slot.GREEN)
    with pytest.raises(ForeignChange, match="cannot drain green"):
        await world.do(DOWN)
    assert await world.seen() == before


def test_it_says_what_it_does_and_how_it_is_undone() -> None:
    assert UP.title == "add instances to green: 1 → 2 of 1.1.0"
    assert (DOWN.title, DOWN.undo_title) == (
        "take instances from green: 3 → 1 of 1.1.0",
        "bring green back to 3 instances",
    )


@pytest.mark.parametrize("step", [UP, DOWN])
def test_it_survives_the_journal(step: ScaleInstances) -> None:
    assert msgspec.json.decode(msgspec.json.encode(step), type=AnyStep) == step  # type: ignore[arg-type]  # a union
