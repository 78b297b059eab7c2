"""Instances that crash, that do not want to end, and that have children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from comporta.drivers.runtimes.process_members import is_alive
from comporta.model.release import InstanceState, InstanceStatus, LogLine
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import eventually, logged, started
from support.services import SERVICE, ProcessWorld

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

IGNORES_SIGTERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVICE

TELLS_WHEN_IT_ENDS = """\
import signal, sys, time

def end(*_):
    time.sleep(0.3)
    print("ended in order", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    time.sleep(1)
"""

HAS_CHILDREN = (
    """\
import subprocess, sys

sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
deaf = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"]
children = [
    subprocess.Popen(sleep),
    subprocess.Popen(deaf),
    subprocess.Popen(sleep, start_new_session=True),
    subprocess.Popen(sleep, start_new_session=True, env={}),
]
print("children", *[child.pid for child in children], flush=True)
"""
    + SERVICE
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ProcessWorld]:
    world = ProcessWorld(tmp_path, stop_grace=1)
    yield world
    await world.close()


async def first(world: ProcessWorld) -> InstanceStatus:
    return (await world.runtime.observe(Slot.BLUE)).instances[0]


async def children(world: ProcessWorld) -> list[psutil.Process]:
    await world.ask(Slot.BLUE, 1)
    told = next(line.text for line in await logged(world.runtime, Slot.BLUE) if line.text.startswith("children"))
    return [psutil.Process(int(pid)) for pid in told.split()[1:]]


async def test_a_crashed_instance_serves_again_and_its_end_is_told(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    pid = await world.pid(Slot.BLUE, 1)
    await world.crash(Slot.BLUE, 1)

    async def is_another() -> bool:
        status = await first(world)
        return status.state is InstanceState.RUNNING and status.pid != pid

    await eventually(is_another, world.clock)
    status = await first(world)
    assert (status.restarts, status.exit_code) == (1, -9)
    assert (await world.ask(Slot.BLUE, 1))["env"]["PORT"] == str(world.port(Slot.BLUE, 1))


async def test_an_instance_that_always_crashes_is_restarting_and_then_failed(world: ProcessWorld) -> None:
    world.release("1.0.0", "import sys\nprint('cannot find my database', flush=True)\nsys.exit(3)\n")
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    seen = set()

    async def has_failed() -> bool:
        seen.add((await first(world)).state)
        return InstanceState.FAILED in seen

    await eventually(has_failed, world.clock)
    status = await first(world)
    assert InstanceState.RESTARTING in seen
    assert (status.restarts, status.exit_code, status.pid) == (2, 3, None)
    assert (await logged(world.runtime, Slot.BLUE)) == [LogLine(index=1, text="cannot find my database")] * 3

    await world.runtime.start(Slot.BLUE, occupant)
    assert (await first(world)).restarts == 0, "a start on purpose is no restart"


async def test_only_the_failed_instance_is_started_again(world: ProcessWorld) -> None:
    world.release("1.0.0", "import os, sys\nif os.path.exists('broken') and '2' == os.environ['COMPORTA_INSTANCE']:\n    sys.exit(1)\n" + SERVICE)  # fmt: skip # noqa: E501
    broken = world.base / "releases" / "1.0.0" / "broken"
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
    broken.touch()
    await world.crash(Slot.BLUE, 2)

    async def second_has_failed() -> bool:
        return (await world.runtime.observe(Slot.BLUE)).instances[1].state is InstanceState.FAILED

    await eventually(second_has_failed, world.clock)
    before = await first(world)
    broken.unlink()
    await world.runtime.start(Slot.BLUE, occupant)
    state = await world.runtime.observe(Slot.BLUE)
    assert state.running
    assert state.instances[0] == before
    await world.ask(Slot.BLUE, 2)


async def test_an_instance_has_its_grace_time_to_end_and_to_say_so(world: ProcessWorld) -> None:
    world.release("1.0.0", TELLS_WHEN_IT_ENDS)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)

    async def all_ready() -> bool:
        return len(await logged(world.runtime, Slot.BLUE)) == 2

    await eventually(all_ready, world.clock)
    await world.runtime.stop(Slot.BLUE)
    assert [line.text for line in await logged(world.runtime, Slot.BLUE)] == ["ready", "ended in order"] * 2


async def test_logs_are_followed_across_a_restart(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.ask(Slot.BLUE, 2)
    serving = LogLine(index=2, text=f"serving {world.port(Slot.BLUE, 2)}")
    lines = world.runtime.logs(Slot.BLUE, lines=5, follow=True, index=2)
    assert await anext(lines) == serving
    await world.crash(Slot.BLUE, 2)
    assert await anext(lines) == serving


async def test_an_instance_that_ignores_sigterm_is_killed_after_its_grace_time(world: ProcessWorld) -> None:
    world.release("1.0.0", IGNORES_SIGTERM)
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.ask(Slot.BLUE, 1)
    await world.ask(Slot.BLUE, 2)
    await world.runtime.stop(Slot.BLUE)
    assert world.members() == []


@pytest.mark.parametrize("supervised", [True, False])
async def test_the_children_of_an_instance_end_with_it(world: ProcessWorld, supervised: bool) -> None:
    world.release("1.0.0", HAS_CHILDREN)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    born = await children(world)
    assert len([child for child in born if is_alive(child)]) == 4
    if not supervised:
        world.supervisord(Slot.BLUE).kill()
    await world.runtime.stop(Slot.BLUE)
    assert [child for child in born if is_alive(child)] == []


async def test_children_that_a_crashed_instance_left_end_with_the_slot(world: ProcessWorld) -> None:
    world.release("1.0.0", HAS_CHILDREN)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    *marked, unmarked = await children(world)
    # It emptied its environment and has lost its parent: nothing tells whose it is.
    unmarked.kill()
    await world.crash(Slot.BLUE, 1)
    await world.runtime.stop(Slot.BLUE)
    assert [child for child in marked if is_alive(child)] == []
