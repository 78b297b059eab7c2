"""The folders that old releases leave: which of them go, and that nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from comporta.model.release import Artifact, Leftover
from support.services import ProcessWorld

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> ProcessWorld:
    return ProcessWorld(tmp_path)


async def both(world: ProcessWorld) -> list[Artifact]:
    return [await world.runtime.resolve(version) for version in ("1.0.0", "1.1.0")]


def in_folder(artifact: Artifact, directory: str) -> Artifact:
    return msgspec.structs.replace(artifact, launch={**artifact.launch, "directory": directory})


async def test_its_size_on_the_disk_is_told(world: ProcessWorld) -> None:
    folder = world.base / "releases" / "1.0.0"
    (folder / "big").write_bytes(os.urandom(1 << 20))
    os.link(folder / "big", world.base / "elsewhere")
    (folder / "own").write_bytes(os.urandom(1 << 20))
    (leftover,) = await world.runtime.leftovers([await world.runtime.resolve("1.0.0")], [])
    assert 1 << 20 <= leftover.bytes < 2 << 20, "what has another name as well is not free afterwards"


async def test_what_a_removal_that_was_cut_off_left_is_gone_on_with(world: ProcessWorld) -> None:
    artifacts = await both(world)
    (leftover,) = await world.runtime.leftovers(artifacts, artifacts[1:])
    # As after a kill in the middle: it has another name already, and part of it is gone.
    (world.base / "releases/1.0.0").rename(world.base / "releases/.1.0.0.pruned")
    (world.base / "releases/.1.0.0.pruned/VERSION").unlink()
    (again,) = await world.runtime.leftovers(artifacts, artifacts)
    assert (again.version, again.parts) == ("1.0.0", ("releases/.1.0.0.pruned",))
    await world.runtime.discard(leftover)
    assert os.listdir(world.base / "releases") == ["1.1.0"]


async def test_a_folder_made_anew_beside_what_is_half_gone_stays(world: ProcessWorld) -> None:
    artifacts = await both(world)
    (world.base / "releases/1.0.0").rename(world.base / "releases/.1.0.0.pruned")
    world.release("1.0.0", "print('anew')")
    (half_gone,) = await world.runtime.leftovers(artifacts, artifacts[1:])
    await world.runtime.discard(half_gone)
    assert sorted(os.listdir(world.base / "releases")) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize("needed", ["releases/1.0.0/app", "releases", "./releases/../releases/1.0.0"])
async def test_a_folder_that_holds_what_is_needed_or_is_part_of_it_stays(world: ProcessWorld, needed: str) -> None:
    old, _ = await both(world)
    assert await world.runtime.leftovers([old], [in_folder(old, needed)]) == ()


async def test_a_link_to_a_folder_stays(world: ProcessWorld) -> None:
    old, _ = await both(world)
    (world.base / "releases/1.0.0").rename(world.base / "real")
    (world.base / "releases/1.0.0").symlink_to(world.base / "real")
    assert await world.runtime.leftovers([old], []) == ()


async def test_the_folder_of_the_config_stays_though_a_release_was_made_of_it(world: ProcessWorld) -> None:
    old, _ = await both(world)
    assert await world.runtime.leftovers([in_folder(old, "../" + world.base.name)], []) == ()


async def test_a_release_of_another_runtime_is_no_folder(world: ProcessWorld) -> None:
    image = Artifact(runtime="docker", version="1.0.0", identity="sha256:1", launch={"image": "shop:1.0.0"})
    assert await world.runtime.leftovers([image], [image]) == ()


async def test_removing_what_is_gone_does_nothing(world: ProcessWorld) -> None:
    await world.runtime.discard(Leftover(kind="folder", version="9", parts=("releases/9",), bytes=0))
