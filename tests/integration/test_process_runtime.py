"""The process runtime with real services: what they get, that they outlive comporta, and that nothing is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from comporta.drivers.runtimes.process import diagnose
from comporta.drivers.runtimes.process_members import MARKER
from comporta.model.errors import ArtifactMissing, RuntimeFailure, UsageError
from comporta.model.release import InstanceState, SlotState
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import eventually, started
from support.another import another_comporta, end
from support.services import SERVICE, ProcessWorld

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

NASTY = "100% \"double\" 'single' ;comment #hash $HOME `id` %(here)s {port} \\n \nnext line\ttab é"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ProcessWorld]:
    world = ProcessWorld(tmp_path, stop_grace=3)
    yield world
    await world.close()


async def test_each_instance_gets_its_own_port_and_knows_who_it_is(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.GREEN, "1.1.0", instances=3, number=7)
    for index in (1, 2, 3):
        told = await world.ask(Slot.GREEN, index)
        assert told["cwd"] == str(world.base / "releases" / "1.1.0")
        known = {name: told["env"][name] for name in told["env"] if name == "PORT" or name.startswith("COMPORTA_")}
        assert known == {
            "PORT": str(world.port(Slot.GREEN, index)),
            "COMPORTA_SLOT": "green",
            "COMPORTA_INSTANCE": str(index),
            "COMPORTA_VERSION": "1.1.0",
            "COMPORTA_RELEASE": "7",
            MARKER: str(world.seat(Slot.GREEN).path),
        }


async def test_an_instance_gets_a_clean_environment(world: ProcessWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT_OVER", "of the shell")
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    env = (await world.ask(Slot.BLUE, 1))["env"]
    assert env["PATH"] == os.environ["PATH"]
    assert not {name for name in env if name == "LEFT_OVER" or name.startswith(("SUPERVISOR", "PYTHON"))}


async def test_values_arrive_as_they_are_and_secrets_are_in_no_file_and_no_command_line(tmp_path: Path) -> None:
    world = ProcessWorld(
        tmp_path,
        command=["{python}", "service.py", NASTY.replace("{port}", ""), "", "{port} {host} {version} {slot} {index}"],
        env={"PASSWORD": "${PASSWORD}", "PLAIN": "%d {index}", "URL": "db://:${PASSWORD}@{host}"},
    )
    world.secrets.values["PASSWORD"] = f"s3cret {NASTY}"
    world.secrets.env_file = {"FROM_FILE": f"t0ken {NASTY}", "PORT": "1"}
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    try:
        told = await world.ask(Slot.BLUE, 1)
        assert told["argv"] == [
            NASTY.replace("{port}", ""), "", f"{world.port(Slot.BLUE, 1)} 127.0.0.1 1.0.0 blue 1"
        ]  # fmt: skip
        assert told["env"]["PASSWORD"] == f"s3cret {NASTY}"
        assert told["env"]["FROM_FILE"] == f"t0ken {NASTY}"
        assert told["env"]["PLAIN"] == "%d 1"
        assert told["env"]["URL"] == f"db://:s3cret {NASTY}@127.0.0.1"
        assert told["env"]["PORT"] == str(world.port(Slot.BLUE, 1))
        written = [path.read_bytes() for path in world.base.joinpath(".comporta").rglob("*") if path.is_file()]
        shown = [word.encode() for process in world.members() for word in process.cmdline()]
        assert written
        assert shown
        assert not [text for text in written + shown if b"s3cret" in text or b"t0ken" in text]
        assert world.seat(Slot.BLUE).path.stat().st_mode & 0o077 == 0
    finally:
        await world.close()


async def test_a_deep_folder_with_strange_letters_is_as_good_as_any(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path / ("deep " * 20) / "%(here)s ; 'quoted\" #é" / "100%")
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    try:
        await world.ask(Slot.BLUE, 2)
        assert (await world.runtime.observe(Slot.BLUE)).running
    finally:
        await world.close()


@pytest.mark.parametrize("ending", ["exits", "is killed"])
async def test_instances_outlive_the_comporta_that_started_them(world: ProcessWorld, ending: str) -> None:
    other = another_comporta(world, 3)
    assert other.stdout is not None
    assert other.stdout.readline() == "done\n"
    if ending == "exits":
        other.communicate()
    end(other)
    state = await world.runtime.observe(Slot.BLUE)
    assert state.running
    for index in (1, 2, 3):
        assert (await world.ask(Slot.BLUE, index))["env"]["COMPORTA_INSTANCE"] == str(index)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
async def test_a_start_that_was_killed_in_the_middle_can_be_done_again(world: ProcessWorld, after: float) -> None:
    other = another_comporta(world, 3)
    await world.clock.sleep(after)
    end(other)
    await world.runtime.observe(Slot.BLUE)
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.running) == (occupant, True)
    served = {(await world.ask(Slot.BLUE, index))["env"]["PORT"] for index in (1, 2, 3)}
    assert len(served) == 3
    assert len(world.members()) == 4, "three instances and their supervisord"


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
async def test_a_stop_that_was_killed_in_the_middle_can_be_done_again(world: ProcessWorld, after: float) -> None:
    world.release("1.0.0", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVICE)
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    for index in (1, 2, 3):
        await world.ask(Slot.BLUE, index)
    other = another_comporta(world, 0)
    await world.clock.sleep(after)
    end(other)
    assert (await world.runtime.observe(Slot.BLUE)).occupant == occupant
    await world.runtime.stop(Slot.BLUE)
    assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
    assert world.members() == []


async def test_a_slot_expires_with_nobody_around(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000)
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 1)

    async def nothing_is_left() -> bool:
        return world.members() == [] and world.seat(Slot.BLUE).recorded() is None

    await eventually(nothing_is_left, world.clock)


async def test_the_time_of_a_slot_can_be_cancelled_while_the_reaper_waits(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 4)
    await world.runtime.expire(Slot.BLUE, None)
    await world.clock.sleep(6)
    assert (await world.runtime.observe(Slot.BLUE)).running


async def test_a_reaper_that_died_is_replaced(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 3)
    for process in world.members():
        if "process_reaper" in " ".join(process.cmdline()):
            process.kill()

    async def nothing_runs() -> bool:
        return world.members() == []

    await eventually(nothing_runs, world.clock)


async def test_two_environments_live_side_by_side(world: ProcessWorld) -> None:
    other = ProcessWorld(world.base, "other")
    try:
        for one in (world, other):
            for slot in Slot:
                await started(one.runtime, slot, "1.0.0", instances=1)
        await world.runtime.stop(Slot.BLUE)
        assert (await world.runtime.observe(Slot.GREEN)).running
        for slot in Slot:
            await other.ask(slot, 1)
            assert (await other.runtime.observe(slot)).running
    finally:
        await other.close()


async def test_a_foreign_process_on_a_port_is_named_and_nothing_is_changed(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    before = await world.runtime.observe(Slot.BLUE)
    with socket.create_server(("127.0.0.1", world.port(Slot.BLUE, 3))):
        me = f"{world.port(Slot.BLUE, 3)}: it is taken by process {os.getpid()} \\(.*python"
        with pytest.raises(RuntimeFailure, match=me):
            await started(world.runtime, Slot.BLUE, "1.1.0", instances=3, number=2)
        finding = next(f for f in diagnose(world.spec, world.options) if f.name == "ports of blue")
    assert await world.runtime.observe(Slot.BLUE) == before
    assert not finding.ok
    assert str(os.getpid()) in finding.text


async def test_a_program_that_is_not_there_is_told_before_anything_is_changed(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path, command=["no-such-program"])
    with pytest.raises(RuntimeFailure, match="no-such-program"):
        await started(world.runtime, Slot.BLUE, "1.0.0")
    assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
    await world.close()


@pytest.mark.parametrize("version", ["", "..", "../1.0.0", "/etc", "1.0.0/..", "a b", ".hidden", "1\n", "a\0b", "ü"])
async def test_a_version_never_leads_out_of_the_folder_of_releases(world: ProcessWorld, version: str) -> None:
    with pytest.raises(UsageError, match="plain name"):
        await world.runtime.resolve(version)


async def test_a_missing_version_is_told_with_the_nearest_one(world: ProcessWorld) -> None:
    with pytest.raises(ArtifactMissing) as told:
        await world.runtime.resolve("1.1.1")
    assert told.value.next.startswith("did you mean 1.1.0?")


async def test_what_a_machine_has_is_told(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    findings = {finding.name: finding for finding in diagnose(world.spec, world.options)}
    assert set(findings) == {"releases", "command", "supervisord", "ports of blue", "ports of green"}
    assert all(finding.ok for finding in findings.values()), "our own instances may hold our ports"
    assert "2 versions" in findings["releases"].text


async def test_what_a_machine_lacks_is_told_with_what_helps(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path, command=["no-such-program"], directory="elsewhere/{version}")
    findings = {finding.name: finding for finding in diagnose(world.spec, world.options)}
    assert [name for name, finding in findings.items() if not finding.ok] == ["releases", "command"]
    assert str(tmp_path / "elsewhere") in findings["releases"].next


async def test_a_supervisord_that_hangs_does_not_keep_a_slot_from_being_stopped(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    world.supervisord(Slot.BLUE).send_signal(signal.SIGSTOP)
    await world.runtime.stop(Slot.BLUE)
    assert world.members() == []


async def test_instances_without_their_supervisord_are_still_shown(world: ProcessWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0")
    before = await world.runtime.observe(Slot.BLUE)
    await world.kill_supervisord(Slot.BLUE, 2)
    psutil.Process(await world.pid(Slot.BLUE, 2)).kill()

    async def second_is_gone() -> bool:
        return (await world.runtime.observe(Slot.BLUE)).instances[1].state is InstanceState.STOPPED

    await eventually(second_is_gone, world.clock)
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.instances[0]) == (occupant, before.instances[0])


async def test_without_a_supervisord_a_stop_leaves_nothing(world: ProcessWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    await world.kill_supervisord(Slot.BLUE, 3)
    assert len(world.members()) == 3
    await world.runtime.stop(Slot.BLUE)
    assert world.members() == []


async def test_without_a_supervisord_a_start_recovers(world: ProcessWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=3)
    await world.kill_supervisord(Slot.BLUE, 3)
    await world.runtime.start(Slot.BLUE, occupant)
    assert (await world.runtime.observe(Slot.BLUE)).running
    for index in (1, 2, 3):
        await world.ask(Slot.BLUE, index)
    assert len(world.members()) == 4
