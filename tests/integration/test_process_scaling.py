"""A slot gets more or fewer instances while the others go on serving."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from comporta.drivers.runtimes.process_members import is_alive
from comporta.model.errors import RuntimeFailure
from comporta.model.release import InstanceState
from comporta.model.spec import PortRange
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import eventually, logged, started
from support.another import another_comporta, end
from support.services import SERVICE, ProcessWorld

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

IGNORES_SIGTERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVICE

HAS_A_DEAF_CHILD = (
    """\
import subprocess, sys

deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
print("child", child.pid, flush=True)
"""
    + SERVICE
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ProcessWorld]:
    world = ProcessWorld(tmp_path, stop_grace=3)
    yield world
    await world.close()


async def pids(world: ProcessWorld) -> list[int | None]:
    return [status.pid for status in (await world.runtime.observe(Slot.BLUE)).instances]


async def test_the_processes_that_were_tested_stay_the_same_and_the_new_ones_serve(world: ProcessWorld) -> None:
    world.secrets.env_file = {"TOKEN": "t0ken"}
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    first = await pids(world)
    began = psutil.Process(first[0]).create_time()
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    assert (await pids(world))[:1] == first
    for index in (1, 2, 3):
        told = (await world.ask(Slot.BLUE, index))["env"]
        assert (told["COMPORTA_INSTANCE"], told["PORT"]) == (str(index), str(world.port(Slot.BLUE, index)))
        assert told["TOKEN"] == "t0ken"
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    assert psutil.Process(first[0]).create_time() == began
    assert len(world.members()) == 3, "two instances and their supervisord"


async def test_surplus_instances_have_their_grace_time_and_are_killed_after_it(world: ProcessWorld) -> None:
    world.release("1.0.0", IGNORES_SIGTERM)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    for index in (1, 2, 3):
        await world.ask(Slot.BLUE, index)
    first, *surplus = await pids(world)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    assert await pids(world) == [first]
    assert not [pid for pid in surplus if psutil.pid_exists(pid or 0)]
    await world.ask(Slot.BLUE, 1)


async def test_the_children_of_a_surplus_instance_end_with_it_and_others_do_not(world: ProcessWorld) -> None:
    world.release("1.0.0", HAS_A_DEAF_CHILD)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    for index in (1, 2):
        await world.ask(Slot.BLUE, index)
    told = [line.text for line in await logged(world.runtime, Slot.BLUE) if line.text.startswith("child")]
    stays, goes = (psutil.Process(int(text.split()[1])) for text in told)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    assert (is_alive(stays), is_alive(goes)) == (True, False)


@pytest.mark.parametrize("after", [0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(("killed", "again"), [(1, 1), (1, 3), (3, 3), (3, 1)])
async def test_scaling_that_was_killed_in_the_middle_can_be_done_again_or_undone(
    world: ProcessWorld, killed: int, again: int, after: float
) -> None:
    world.release("1.0.0", IGNORES_SIGTERM)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    await world.ask(Slot.BLUE, 1)
    await world.ask(Slot.BLUE, 2)
    first = (await pids(world))[0]
    other = another_comporta(world, killed)
    await world.clock.sleep(after)
    end(other)
    state = await world.runtime.observe(Slot.BLUE)
    assert state.instances[0].pid == first
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=again)
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.running, len(state.instances)) == (occupant, True, again)
    assert state.instances[0].pid == first
    for index in range(1, again + 1):
        await world.ask(Slot.BLUE, index)
    assert len(world.members()) == again + 1, "the instances and their supervisord"


async def test_a_surplus_instance_that_keeps_crashing_is_not_started_again(world: ProcessWorld) -> None:
    world.release("1.0.0", "import os, sys\nif os.environ['COMPORTA_INSTANCE'] == '2':\n    sys.exit(1)\n" + SERVICE)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)

    async def crashes() -> bool:
        return (await world.runtime.observe(Slot.BLUE)).instances[1].state is InstanceState.RESTARTING

    await eventually(crashes, world.clock)
    first = (await pids(world))[0]
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    said = await logged(world.runtime, Slot.BLUE, index=2)
    await world.clock.sleep(3)
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.running, [status.pid for status in state.instances]) == (True, [first])
    assert await logged(world.runtime, Slot.BLUE, index=2) == said


async def test_a_port_that_is_taken_leaves_the_slot_as_it_was(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    before = await world.runtime.observe(Slot.BLUE)
    with (
        socket.create_server(("127.0.0.1", world.port(Slot.BLUE, 2))),
        pytest.raises(RuntimeFailure, match=str(world.port(Slot.BLUE, 2))),
    ):
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    assert await world.runtime.observe(Slot.BLUE) == before


async def test_a_slot_that_was_started_without_room_for_so_many_is_not_touched(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    before = await world.runtime.observe(Slot.BLUE)
    blue = world.spec.blue
    wider = msgspec.structs.replace(world.spec, blue=PortRange(first=blue.first, last=blue.last + 1))
    world.runtime._spec = wider
    with pytest.raises(RuntimeFailure, match="cannot run 4 instances in blue: it was started with room for 3"):
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=4)
    assert await world.runtime.observe(Slot.BLUE) == before


async def test_without_a_supervisord_a_scaled_start_recovers(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    world.supervisord(Slot.BLUE).kill()
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    assert (await world.runtime.observe(Slot.BLUE)).running
    assert len(world.members()) == 4
