"""Containers that crash, that have no memory left, that are unhealthy, that do not want to end, and what they wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from comporta.model.release import InstanceState, InstanceStatus, LogLine, SlotState
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import eventually, logged, started
from support.another import begun, end
from support.docker_world import DockerWorld, docker

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DockerWorld]:
    world = DockerWorld(tmp_path, stop_grace="1s")
    yield world
    await world.close()


async def first(world: DockerWorld) -> InstanceStatus:
    return (await world.runtime.observe(Slot.BLUE)).instances[0]


async def becomes(world: DockerWorld, state: InstanceState) -> InstanceStatus:
    seen = [await first(world)]

    async def is_so() -> bool:
        seen.append(await first(world))
        return seen[-1].state is state

    await eventually(is_so, world.clock)
    return seen[-1]


def script(text: str) -> str:
    """A line of a Dockerfile: the image runs this."""
    words = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'CMD ["sh", "-c", "{words}"]'


async def test_a_crashed_instance_serves_again_and_its_end_is_told(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    pid = await world.pid(Slot.BLUE, 1)
    await world.crash(Slot.BLUE, 1)

    async def is_another() -> bool:
        status = await first(world)
        return status.state is InstanceState.RUNNING and status.pid != pid

    await eventually(is_another, world.clock)
    status = await first(world)
    assert (status.restarts, status.exit_code) == (1, 137), "also now that it runs again"
    await world.ask(Slot.BLUE, 1)


async def test_an_instance_that_ends_at_once_is_restarting_with_its_last_words(world: DockerWorld) -> None:
    world.release("1.0.0", script("echo cannot find my database >&2; exit 3"))
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    status = await becomes(world, InstanceState.RESTARTING)
    assert (status.exit_code, status.pid) == (3, None)
    assert LogLine(index=1, text="cannot find my database") in await logged(world.runtime, Slot.BLUE)
    assert (await world.runtime.observe(Slot.BLUE)).occupant == occupant


async def test_an_instance_that_its_policy_gives_up_has_failed_and_can_be_started_again(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, restart="on-failure:2")
    try:
        world.release("1.0.0", script("exit 3"))
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        status = await becomes(world, InstanceState.FAILED)
        assert (status.exit_code, status.restarts) == (3, 2)
        await world.runtime.start(Slot.BLUE, occupant)
        assert (await first(world)).restarts < 2, "a start on purpose is no restart"
    finally:
        await world.close()


async def test_want_of_memory_is_told(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, restart="no", limits={"memory": "16m"})
    try:
        world.release("1.0.0", script("echo filling; exec tail /dev/zero"))
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        status = await becomes(world, InstanceState.FAILED)
        assert (status.exit_code, status.reason) == (137, "killed for want of memory (its limit is 16 MiB)")
    finally:
        await world.close()


async def test_the_health_check_of_an_image_is_respected(world: DockerWorld) -> None:
    check = "HEALTHCHECK --interval=1s --retries=2 --start-period=60s CMD test -e /healthy || ! echo no database"
    world.release("1.0.0", check)
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    status = await first(world)
    assert status.state is InstanceState.STARTING
    assert not (await world.runtime.observe(Slot.BLUE)).running
    [container] = world.containers()
    docker("exec", container, "touch", "/healthy")
    assert (await becomes(world, InstanceState.RUNNING)).reason == ""
    docker("exec", container, "rm", "/healthy")
    status = await becomes(world, InstanceState.FAILED)
    assert status.reason == "the image's own health check: no database"
    assert status.pid is not None


async def test_an_instance_has_its_grace_time_to_end_and_to_say_so(world: DockerWorld) -> None:
    world.release("1.0.0", script("trap 'echo ended in order; exit 0' TERM; echo ready; sleep 100 & wait"))
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)

    async def all_ready() -> bool:
        return len(await logged(world.runtime, Slot.BLUE)) == 2

    await eventually(all_ready, world.clock)
    await world.runtime.stop(Slot.BLUE)
    assert [line.text for line in await logged(world.runtime, Slot.BLUE)] == ["ready", "ended in order"] * 2


async def test_an_instance_that_ignores_sigterm_is_killed_after_its_grace_time(world: DockerWorld) -> None:
    world.release("1.0.0", script("trap '' TERM; while true; do sleep 1; done"))
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    pids = [await world.pid(Slot.BLUE, index) for index in (1, 2)]
    await world.runtime.stop(Slot.BLUE)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


async def test_an_instance_that_keeps_no_log_can_be_looked_at_and_stopped(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, log={"driver": "none", "options": {}})
    try:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        assert await logged(world.runtime, Slot.BLUE) == []
        await world.runtime.stop(Slot.BLUE)
        assert world.containers() == []
    finally:
        await world.close()


async def test_logs_hold_both_streams_and_are_followed_across_a_restart(world: DockerWorld) -> None:
    world.release("1.0.0", script("echo one; sleep 0.2; echo two >&2; exec sleep 100"))
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)

    async def all_wrote() -> bool:
        return len(await logged(world.runtime, Slot.BLUE)) == 4

    await eventually(all_wrote, world.clock)
    lines = world.runtime.logs(Slot.BLUE, lines=1, follow=True, index=2)
    assert await anext(lines) == LogLine(index=2, text="two")
    await world.crash(Slot.BLUE, 2)
    assert [await anext(lines), await anext(lines)] == [LogLine(index=2, text=text) for text in ("one", "two")]


@pytest.mark.parametrize("after", [0.0, 0.2, 0.4, 0.7, 1.0])
async def test_a_start_that_was_killed_in_the_middle_can_be_done_again(world: DockerWorld, after: float) -> None:
    other = begun(*world.order(3))
    await world.clock.sleep(after)
    end(other)
    await world.runtime.observe(Slot.BLUE)
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.running) == (occupant, True)
    assert len({(await world.ask(Slot.BLUE, index))["COMPORTA_INSTANCE"] for index in (1, 2, 3)}) == 3
    assert len(world.containers()) == 3


@pytest.mark.parametrize("after", [0.0, 0.3])
async def test_a_stop_that_was_killed_in_the_middle_can_be_done_again(world: DockerWorld, after: float) -> None:
    world.release("1.0.0", script("trap '' TERM; while true; do sleep 1; done"))
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    other = begun(*world.order(0))
    await world.clock.sleep(after)
    end(other)
    assert (await world.runtime.observe(Slot.BLUE)).occupant == occupant
    await world.runtime.stop(Slot.BLUE)
    assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
    assert world.containers() == []


def reapers(world: DockerWorld) -> list[psutil.Process]:
    living = [p for p in psutil.process_iter(["cmdline", "status"]) if p.info["status"] != psutil.STATUS_ZOMBIE]
    return [process for process in living if any(str(world.base) in word for word in process.info["cmdline"] or ())]


async def test_a_slot_expires_with_nobody_around_and_leaves_no_reaper(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000)
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 1)
    assert len(reapers(world)) == 1

    async def nothing_is_left() -> bool:
        return world.containers() == [] and reapers(world) == []

    await eventually(nothing_is_left, world.clock)
    assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)


async def test_a_reaper_that_died_is_replaced_by_whoever_looks(world: DockerWorld) -> None:
    """A reboot ends it, and the engine brings the containers back."""
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 3)
    for process in reapers(world):
        process.kill()

    async def is_dead() -> bool:
        return reapers(world) == []

    await eventually(is_dead, world.clock)
    await world.runtime.observe(Slot.BLUE)

    async def nothing_is_left() -> bool:
        return world.containers() == []

    await eventually(nothing_is_left, world.clock)


async def test_the_time_of_a_slot_can_be_cancelled_while_the_reaper_waits(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 2)
    await world.runtime.expire(Slot.BLUE, None)

    async def reaper_is_gone() -> bool:
        return reapers(world) == []

    await eventually(reaper_is_gone, world.clock)
    assert (await world.runtime.observe(Slot.BLUE)).running
