"""What old releases leave on a real engine, and that nobody else's goes with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from comporta.model.release import Artifact, Occupant
from comporta.model.traffic import ReleaseRef, Slot
from comporta.testing.runtime_contract import started, used
from support.docker_world import BASE, DockerWorld, docker

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

MIB = 1 << 20
FILL = "RUN dd if=/dev/zero of=/{name} bs=1M count={count}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DockerWorld]:
    made = DockerWorld(tmp_path)
    yield made
    await made.close()


def names(world: DockerWorld) -> set[str]:
    """What the images of the service are called, in all environments."""
    label = f"label=test.service={world.service}"
    return {*docker("images", "--filter", label, "--format", "{{.Repository}}:{{.Tag}}").split()}


async def test_an_image_is_safe_from_a_prune_of_the_engine_until_it_is_a_leftover(world: DockerWorld) -> None:
    old = await used(world.runtime, "1.0.0")
    world.release("1.0.0", "ENV MOVED=1")  # the tag moves: what was released has no name but ours
    docker("image", "prune", "-f")
    await world.runtime.verify(old)
    (leftover,) = await world.runtime.leftovers([old], [])
    assert leftover.ours
    await world.runtime.discard(leftover)
    assert names(world) == {f"{world.service}:1.0.0", f"{world.service}:1.1.0"}, "the tag names another image now"


async def test_how_much_is_free_afterwards_counts_what_images_share_once(world: DockerWorld) -> None:
    shared = world.release("2.0.0-base", FILL.format(name="shared", count=3))
    artifacts = []
    for version, size in (("2.0.0", 1), ("2.1.0", 2)):
        text = f"FROM {shared}\n{FILL.format(name='own', count=size)}\nRUN mkdir /empty"
        docker("build", "-q", "-t", world.options.reference(version), "-", given=text)
        artifacts.append(await used(world.runtime, version))
    docker("rmi", world.options.reference("2.0.0-base"))
    both = await world.runtime.leftovers(artifacts, [])
    (one,) = await world.runtime.leftovers(artifacts, artifacts[1:])
    assert sum(leftover.bytes for leftover in both) == (3 + 1 + 2) * MIB
    assert one.bytes == 1 * MIB


async def test_an_image_that_has_another_name_loses_only_ours(world: DockerWorld) -> None:
    artifact = await used(world.runtime, "1.0.0")
    docker("tag", artifact.identity, f"{world.service}:stable")
    (leftover,) = await world.runtime.leftovers([artifact], [])
    assert (leftover.parts[0], leftover.bytes) == (f"{world.service}:1.0.0", 0)
    await world.runtime.discard(leftover)
    assert names(world) == {f"{world.service}:stable", f"{world.service}:1.1.0"}
    assert await world.runtime.leftovers([artifact], []) == ()


async def test_what_another_environment_released_keeps_its_names(world: DockerWorld) -> None:
    other = DockerWorld(world.base, service=world.service, environment="other")
    artifact = await used(other.runtime, "1.0.0")
    await used(world.runtime, "1.0.0")
    (leftover,) = await world.runtime.leftovers([artifact], [])
    await world.runtime.discard(leftover)
    assert await world.runtime.leftovers([artifact], []) == ()
    assert await other.runtime.resolve("1.0.0") == artifact


async def test_an_image_that_something_is_made_of_is_no_leftover(world: DockerWorld) -> None:
    artifact = await used(world.runtime, "1.0.0")
    foreign = docker("create", artifact.identity)
    try:
        assert await world.runtime.leftovers([artifact], []) == ()
    finally:
        docker("rm", foreign)
    assert len(await world.runtime.leftovers([artifact], [])) == 1


def abandoned(world: DockerWorld, artifact: Artifact, *command: str) -> str:
    """A container of a release that sits in the blue slot no more, as after a host that was away."""
    ref = ReleaseRef(number=7, version="0.9.0")
    sat = Occupant(release=ref, artifact=msgspec.structs.replace(artifact, version="0.9.0"), instances=3)
    labels = {
        "comporta.service": world.service,
        "comporta.environment": world.spec.environment,
        "comporta.slot": "blue",
        "comporta.instance": "3",
        "comporta.version": "0.9.0",
        "comporta.occupant": msgspec.json.encode(sat).decode(),
    }
    words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    return docker("run", "-d", *words, BASE, *command)


async def test_a_container_that_has_ended_and_that_no_slot_wants_is_a_leftover(world: DockerWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    ended = abandoned(world, occupant.artifact, "sh", "-c", "echo left > /file")
    docker("wait", ended)
    docker("stop", world.containers(running=True)[0])  # it is to run: whoever looks into it finds it
    before = set(world.containers())
    (leftover,) = await world.runtime.leftovers([occupant.artifact], [occupant.artifact])
    assert (leftover.kind, leftover.version, leftover.bytes) == ("container", "0.9.0", len("left\n"))
    await world.runtime.discard(leftover)
    assert before - set(world.containers()) == {docker("ps", "-aq", "--filter", f"id={ended}") or ended[:12]}


async def test_a_container_that_runs_stays(world: DockerWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    foreign = abandoned(world, occupant.artifact, "sleep", "60")
    try:
        assert await world.runtime.leftovers([occupant.artifact], [occupant.artifact]) == ()
    finally:
        docker("rm", "-f", foreign)
