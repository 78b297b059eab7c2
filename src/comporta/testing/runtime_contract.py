"""What every runtime must do. Subclass it, and give the fixture `world`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import pytest

from comporta.model.errors import ArtifactMissing
from comporta.model.release import Artifact, LogLine, Occupant, SlotState
from comporta.model.traffic import ReleaseRef, Slot
from comporta.ports.clock import Clock
from comporta.ports.runtime import Runtime

PATIENCE = 60.0
"""Seconds after which what should happen has not happened."""


class RuntimeWorld(Protocol):
    """A runtime with the versions 1.0.0 and 1.1.0, whose instances write at least one line each when they start.

    Both slots are empty, and take up to three instances.
    """

    runtime: Runtime
    clock: Clock

    def change(self, version: str) -> None:
        """The content of the artifact becomes another."""

    def remove(self, version: str) -> None:
        """The artifact is gone."""

    async def crash(self, slot: Slot, index: int) -> None:
        """The instance ends by itself."""


@pytest.mark.anyio
class RuntimeContract:
    """Contract suite of the Runtime port."""

    @pytest.fixture
    def world(self) -> RuntimeWorld:
        raise NotImplementedError

    async def test_an_artifact_is_known_by_its_version_and_content(self, world: RuntimeWorld) -> None:
        one, other = await world.runtime.resolve("1.0.0"), await world.runtime.resolve("1.1.0")
        assert (one.version, other.version) == ("1.0.0", "1.1.0")
        assert one == await world.runtime.resolve("1.0.0")
        assert one.identity != other.identity

    async def test_a_version_that_is_not_there_is_told_with_those_that_are(self, world: RuntimeWorld) -> None:
        with pytest.raises(ArtifactMissing, match=r"1\.2\.0") as told:
            await world.runtime.resolve("1.2.0")
        assert "1.1.0" in told.value.next

    async def test_an_unchanged_artifact_is_verified(self, world: RuntimeWorld) -> None:
        await world.runtime.verify(await world.runtime.resolve("1.0.0"))

    async def test_an_artifact_that_changed_or_went_is_refused(self, world: RuntimeWorld) -> None:
        changed, removed = await world.runtime.resolve("1.0.0"), await world.runtime.resolve("1.1.0")
        world.change("1.0.0")
        world.remove("1.1.0")
        for artifact in (changed, removed):
            with pytest.raises(ArtifactMissing, match=artifact.version):
                await world.runtime.verify(artifact)

    async def test_each_instance_has_an_address_of_its_own_that_others_do_not_change(self, world: RuntimeWorld) -> None:
        blue, green = (world.runtime.addresses(slot, 3) for slot in Slot)
        assert len({*blue, *green}) == 6
        assert world.runtime.addresses(Slot.BLUE, 2) == blue[:2]

    async def test_a_slot_that_was_never_used_is_empty(self, world: RuntimeWorld) -> None:
        assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
        assert await logged(world.runtime, Slot.BLUE) == []

    async def test_a_started_slot_shows_its_occupant_and_all_instances(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
        state = await world.runtime.observe(Slot.BLUE)
        assert state.occupant == occupant
        assert state.running
        assert [i.index for i in state.instances] == [1, 2, 3]
        assert tuple(i.address for i in state.instances) == world.runtime.addresses(Slot.BLUE, 3)
        assert [(i.slot, i.restarts) for i in state.instances] == [(Slot.BLUE, 0)] * 3

    async def test_the_same_occupant_again_leaves_its_instances_alone(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
        before = await world.runtime.observe(Slot.BLUE)
        await world.runtime.start(Slot.BLUE, occupant)
        assert await world.runtime.observe(Slot.BLUE) == before

    async def test_another_occupant_takes_the_place_of_the_one_before(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
        other = await started(world.runtime, Slot.BLUE, "1.1.0", instances=1, number=2)
        state = await world.runtime.observe(Slot.BLUE)
        assert (state.occupant, len(state.instances), state.running) == (other, 1, True)

    async def test_more_instances_join_those_that_run(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        before = await world.runtime.observe(Slot.BLUE)
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
        state = await world.runtime.observe(Slot.BLUE)
        assert (state.occupant, len(state.instances), state.running) == (occupant, 3, True)
        assert state.instances[:1] == before.instances

    async def test_fewer_instances_are_those_with_the_lowest_indices(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
        before = await world.runtime.observe(Slot.BLUE)
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        state = await world.runtime.observe(Slot.BLUE)
        assert (state.occupant, state.running) == (occupant, True)
        assert state.instances == before.instances[:1]

    async def test_a_slot_is_scaled_again_and_again(self, world: RuntimeWorld) -> None:
        pids: dict[int, set[int | None]] = {}
        for instances in (2, 1, 3, 2, 2, 3):
            await started(world.runtime, Slot.BLUE, "1.0.0", instances=instances)
            state = await world.runtime.observe(Slot.BLUE)
            assert ([i.index for i in state.instances], state.running) == ([*range(1, instances + 1)], True)
            for status in state.instances:
                pids.setdefault(status.index, set()).add(status.pid)
        assert {index: len(used) for index, used in pids.items()} == {1: 1, 2: 2, 3: 2}

    async def test_scaling_leaves_an_instance_that_was_restarted_alone(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
        await world.crash(Slot.BLUE, 1)

        async def runs_again() -> bool:
            state = await world.runtime.observe(Slot.BLUE)
            return state.running and [i.restarts for i in state.instances] == [1, 0]

        await eventually(runs_again, world.clock)
        before = await world.runtime.observe(Slot.BLUE)
        for instances in (3, 1):
            await started(world.runtime, Slot.BLUE, "1.0.0", instances=instances)
            state = await world.runtime.observe(Slot.BLUE)
            assert (state.instances[0], state.running) == (before.instances[0], True)

    async def test_an_instance_that_crashed_before_counts_anew_when_it_comes_back(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
        await world.crash(Slot.BLUE, 2)

        async def runs_again() -> bool:
            state = await world.runtime.observe(Slot.BLUE)
            return state.running and state.instances[1].restarts == 1

        await eventually(runs_again, world.clock)
        for instances in (1, 2):
            await started(world.runtime, Slot.BLUE, "1.0.0", instances=instances)
        assert [i.restarts for i in (await world.runtime.observe(Slot.BLUE)).instances] == [0, 0]

    async def test_a_warm_slot_is_scaled_too_and_kept(self, world: RuntimeWorld) -> None:
        for instances in (3, 1):
            await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
            before = await world.runtime.observe(Slot.BLUE)
            await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000.0)
            occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=instances)
            state = await world.runtime.observe(Slot.BLUE)
            assert (state.occupant, state.running) == (occupant, True)
            assert state.instances[0] == before.instances[0]

    async def test_a_stopped_slot_is_empty_and_can_be_stopped_again(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")
        for _ in range(2):
            await world.runtime.stop(Slot.BLUE)
            assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)

    async def test_a_stopped_slot_can_be_started_again(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")
        await world.runtime.stop(Slot.BLUE)
        await started(world.runtime, Slot.BLUE, "1.0.0")
        assert (await world.runtime.observe(Slot.BLUE)).running

    async def test_the_slots_do_not_touch_each_other(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")
        await started(world.runtime, Slot.GREEN, "1.1.0", number=2)
        green = await world.runtime.observe(Slot.GREEN)
        await world.runtime.stop(Slot.BLUE)
        assert await world.runtime.observe(Slot.GREEN) == green
        assert green.running

    async def test_an_instance_that_crashed_runs_again_and_is_counted(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")
        await world.crash(Slot.BLUE, 2)

        async def runs_again() -> bool:
            state = await world.runtime.observe(Slot.BLUE)
            return state.running and [i.restarts for i in state.instances] == [0, 1]

        await eventually(runs_again, world.clock)

    async def test_the_time_a_slot_is_kept_can_be_set_changed_and_cancelled(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
        now = world.clock.now()
        for at in (now + 1000.0, now + 2000.0, None):
            await world.runtime.expire(Slot.BLUE, at)
            state = await world.runtime.observe(Slot.BLUE)
            assert state.occupant == msgspec.structs.replace(occupant, warm_until=at)
            assert state.running

    async def test_a_start_cancels_the_end_of_a_warm_slot(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
        before = await world.runtime.observe(Slot.BLUE)
        await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000.0)
        await world.runtime.start(Slot.BLUE, occupant)
        assert await world.runtime.observe(Slot.BLUE) == before

    async def test_a_failed_occupant_is_marked_until_it_is_kept_otherwise_or_started(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
        at = world.clock.now() + 1000.0
        for failed in (True, False, True):
            await world.runtime.expire(Slot.BLUE, at, failed=failed)
            state = await world.runtime.observe(Slot.BLUE)
            assert state.occupant == msgspec.structs.replace(occupant, warm_until=at, failed=failed)
            assert state.running
        assert state.occupant is not None
        await world.runtime.start(Slot.BLUE, state.occupant)
        assert (await world.runtime.observe(Slot.BLUE)).occupant == occupant

    async def test_a_slot_whose_time_is_over_has_no_occupant_and_becomes_empty(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")
        await world.runtime.expire(Slot.BLUE, world.clock.now())
        assert (await world.runtime.observe(Slot.BLUE)).occupant is None

        async def is_empty() -> bool:
            return await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)

        await eventually(is_empty, world.clock)

    async def test_a_slot_whose_time_is_over_cannot_be_held_but_started(self, world: RuntimeWorld) -> None:
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
        await world.runtime.expire(Slot.BLUE, world.clock.now())
        await world.runtime.expire(Slot.BLUE, None)
        assert (await world.runtime.observe(Slot.BLUE)).occupant is None
        await world.runtime.start(Slot.BLUE, occupant)
        state = await world.runtime.observe(Slot.BLUE)
        assert (state.occupant, state.running) == (occupant, True)

    async def test_an_empty_slot_does_not_expire(self, world: RuntimeWorld) -> None:
        await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000.0)
        assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)

    async def test_logs_are_read_by_instance_and_by_number_of_lines(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")

        async def both_wrote() -> bool:
            return {line.index for line in await logged(world.runtime, Slot.BLUE)} == {1, 2}

        await eventually(both_wrote, world.clock)
        assert [line.index for line in await logged(world.runtime, Slot.BLUE, lines=1)] == [1, 2]
        assert {line.index for line in await logged(world.runtime, Slot.BLUE, index=2)} == {2}
        assert await logged(world.runtime, Slot.BLUE, lines=0) == []

    async def test_logs_stay_readable_until_the_slot_is_used_again(self, world: RuntimeWorld) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")

        async def second_wrote() -> bool:
            return await logged(world.runtime, Slot.BLUE, index=2) != []

        await eventually(second_wrote, world.clock)
        await world.runtime.stop(Slot.BLUE)
        assert await logged(world.runtime, Slot.BLUE, index=2) != []
        await started(world.runtime, Slot.BLUE, "1.1.0", instances=1, number=2)
        assert await logged(world.runtime, Slot.BLUE, index=2) == []

    async def test_logs_of_the_occupant_before_stay_readable_until_the_slot_is_used_once_more(
        self, world: RuntimeWorld
    ) -> None:
        await started(world.runtime, Slot.BLUE, "1.0.0")

        async def second_wrote() -> bool:
            return await logged(world.runtime, Slot.BLUE, index=2) != []

        await eventually(second_wrote, world.clock)
        wrote = await logged(world.runtime, Slot.BLUE, index=2)
        await started(world.runtime, Slot.BLUE, "1.1.0", instances=1, number=2)
        assert await logged(world.runtime, Slot.BLUE, index=2, previous=True) == wrote
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1, number=1)
        assert await logged(world.runtime, Slot.BLUE, index=2, previous=True) == []

    async def test_what_no_release_that_is_needed_is_made_of_is_shown_and_removed(self, world: RuntimeWorld) -> None:
        old, new = await used(world.runtime, "1.0.0"), await used(world.runtime, "1.1.0")
        (leftover,) = await world.runtime.leftovers([old, new], [new])
        assert (leftover.version, leftover.bytes >= 0, leftover.host) == ("1.0.0", True, "")
        assert await world.runtime.leftovers([old, new], [new], ours=True) == ((leftover,) if leftover.ours else ())
        await world.runtime.verify(old)
        for _ in range(2):
            await world.runtime.discard(leftover)
        assert await world.runtime.leftovers([old, new], [new]) == ()
        await world.runtime.verify(new)
        with pytest.raises(ArtifactMissing, match=r"1\.0\.0"):
            await world.runtime.verify(old)
        await started(world.runtime, Slot.BLUE, "1.1.0", number=2)

    async def test_what_is_needed_is_no_leftover(self, world: RuntimeWorld) -> None:
        both = [await used(world.runtime, version) for version in ("1.0.0", "1.1.0")]
        assert world.runtime.keep >= 1
        assert await world.runtime.leftovers(both, both) == ()

    async def test_what_was_never_released_is_no_leftover(self, world: RuntimeWorld) -> None:
        await world.runtime.resolve("1.0.0")
        assert await world.runtime.leftovers([], []) == ()

    async def test_what_has_another_content_by_now_is_no_leftover(self, world: RuntimeWorld) -> None:
        old = await world.runtime.resolve("1.0.0")
        world.change("1.0.0")
        assert await world.runtime.leftovers([old], []) == ()
        await world.runtime.verify(await world.runtime.resolve("1.0.0"))


async def used(runtime: Runtime, version: str) -> Artifact:
    """The artifact of a version that has run, and runs no more."""
    occupant = await started(runtime, Slot.BLUE, version, instances=1)
    await runtime.stop(Slot.BLUE)
    return occupant.artifact


async def started(runtime: Runtime, slot: Slot, version: str, *, instances: int = 2, number: int = 1) -> Occupant:
    """Start a version in the slot as the release `number`, and give back the occupant."""
    artifact = await runtime.resolve(version)
    occupant = Occupant(release=ReleaseRef(number=number, version=version), artifact=artifact, instances=instances)
    await runtime.start(slot, occupant)
    return occupant


async def logged(
    runtime: Runtime, slot: Slot, *, lines: int = 10, index: int | None = None, previous: bool = False
) -> list[LogLine]:
    return [line async for line in runtime.logs(slot, lines=lines, index=index, previous=previous)]


async def eventually(condition: Callable[[], Awaitable[bool]], clock: Clock) -> None:
    """Wait until the condition holds."""
    deadline = clock.monotonic() + PATIENCE
    while not await condition():
        assert clock.monotonic() < deadline, f"{condition.__name__} did not come true"
        await clock.sleep(0.05)
