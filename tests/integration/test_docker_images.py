"""Where images come from: built, pulled from a real registry, and pinned by what they are."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from comporta.model.errors import ArtifactMissing, UsageError
from comporta.model.release import Artifact, Occupant, SlotState
from comporta.model.traffic import ReleaseRef, Slot
from comporta.testing.runtime_contract import started
from support.docker_world import BASE, DockerWorld, docker
from support.registry import registry

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

PASSWORD = "s3cret"


def hashed(password: str) -> str:
    """As htpasswd keeps it. Debian's crypt knows bcrypt."""
    words = ["perl", "-e", "print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))", password]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
async def pulled(tmp_path: Path, open_registry: str) -> AsyncIterator[DockerWorld]:
    """Its versions are in the registry, and not here."""
    world = DockerWorld(tmp_path, registry_host=open_registry, pull="missing")
    for version in ("1.0.0", "1.1.0"):
        world.push(version)
    yield world
    await world.close()


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[DockerWorld]:
    """Each version has a folder to build it from."""
    world = DockerWorld(tmp_path, build={"context": "src/{version}", "args": {"MADE_OF": "v{version}"}})
    for version in ("1.0.0", "1.1.0"):
        folder = tmp_path / "src" / version
        folder.mkdir(parents=True)
        (folder / "told").write_text(version)
        (folder / "Dockerfile").write_text(
            f"FROM {BASE}\nLABEL test.service={world.service}\nARG MADE_OF\nENV MADE_OF=$MADE_OF\nCOPY . /src\n"
        )
    yield world
    await world.close()


async def start(world: DockerWorld, artifact: Artifact) -> None:
    ref = ReleaseRef(number=1, version=artifact.version)
    await world.runtime.start(Slot.BLUE, Occupant(release=ref, artifact=artifact, instances=1))


async def test_an_image_that_is_not_here_is_pulled(pulled: DockerWorld) -> None:
    await started(pulled.runtime, Slot.BLUE, "1.0.0", instances=1)
    assert (await pulled.ask(Slot.BLUE, 1))["COMPORTA_VERSION"] == "1.0.0"


async def test_a_tag_that_moved_never_changes_what_was_released(pulled: DockerWorld) -> None:
    released = await pulled.runtime.resolve("1.0.0")
    moved = pulled.push("1.0.0", "ENV MOVED=1")
    again = DockerWorld(pulled.base, service=pulled.service, registry_host=pulled.registry_host, pull="always")
    assert (await again.runtime.resolve("1.0.0")).identity == moved
    assert moved != released.identity
    await pulled.runtime.verify(released)
    await start(pulled, released)
    assert "MOVED" not in await pulled.ask(Slot.BLUE, 1)
    assert pulled.inspect(pulled.containers()[0], "{{.Image}}") == released.identity


async def test_a_released_image_that_is_gone_here_is_pulled_by_its_digest(pulled: DockerWorld) -> None:
    released = await pulled.runtime.resolve("1.0.0")
    pulled.remove("1.0.0")
    pulled.push("1.0.0", "ENV MOVED=1")
    await pulled.runtime.verify(released)
    await start(pulled, released)
    assert "MOVED" not in await pulled.ask(Slot.BLUE, 1)


async def test_a_version_that_no_registry_has_is_told_in_its_words(pulled: DockerWorld) -> None:
    await pulled.runtime.resolve("1.1.0")
    with pytest.raises(
        ArtifactMissing, match=r"cannot pull .*:1\.1\.1 for version 1\.1\.1: .*manifest.*unknown"
    ) as told:
        await pulled.runtime.resolve("1.1.1")
    assert told.value.next.startswith("did you mean 1.1.0?")


async def test_a_registry_wants_to_know_who_pulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with registry(tmp_path / "registry", htpasswd=f"deploy:{hashed(PASSWORD)}") as address:
        login = {"username": "deploy", "password": "${REGISTRY_PASSWORD}"}
        world = DockerWorld(tmp_path, registry_host=address, pull="missing", registry=login)
        try:
            docker("login", "-u", "deploy", "--password-stdin", address, given=PASSWORD)
            world.push("1.0.0")
            world.secrets.values["REGISTRY_PASSWORD"] = "wrong"
            with pytest.raises(ArtifactMissing, match=r"cannot pull .*: .*(no basic auth|unauthorized)") as told:
                await world.runtime.resolve("1.0.0")
            assert "wrong" not in str(told.value)
            world.secrets.values["REGISTRY_PASSWORD"] = PASSWORD
            artifact = await world.runtime.resolve("1.0.0")
            assert PASSWORD.encode() not in msgspec.json.encode(artifact)
            await _is_pulled_by_whom_docker_knows(world, address)
        finally:
            await world.close()


async def _is_pulled_by_whom_docker_knows(world: DockerWorld, address: str) -> None:
    """Without a word in the config: as `docker login` stored it, and no more after `docker logout`."""
    other = DockerWorld(world.base, service=world.service, registry_host=address, pull="always")
    await other.runtime.resolve("1.0.0")
    docker("logout", address)
    with pytest.raises(ArtifactMissing, match="no basic auth"):
        await other.runtime.resolve("1.0.0")


async def test_a_version_is_built_with_its_arguments_and_tagged(built: DockerWorld) -> None:
    occupant = await started(built.runtime, Slot.BLUE, "1.1.0", instances=1)
    assert (await built.ask(Slot.BLUE, 1))["MADE_OF"] == "v1.1.0"
    tagged = docker("image", "inspect", "-f", "{{.Id}}", f"{built.service}:1.1.0")
    assert occupant.artifact.identity == tagged
    assert docker("exec", built.containers()[0], "cat", "/src/told") == "1.1.0"


async def test_the_same_content_is_the_same_artifact_and_another_content_another(built: DockerWorld) -> None:
    one = await built.runtime.resolve("1.0.0")
    assert await built.runtime.resolve("1.0.0") == one
    (built.base / "src" / "1.0.0" / "told").write_text("changed")
    other = await built.runtime.resolve("1.0.0")
    assert other.identity != one.identity
    await built.runtime.verify(one)
    await start(built, one)
    assert docker("exec", built.containers()[0], "cat", "/src/told") == "1.0.0"


async def test_what_is_ignored_or_private_does_not_get_into_an_image(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, build={"context": "."})
    try:
        world.spec = msgspec.structs.replace(world.spec, env_file=str(tmp_path / ".env.test"))
        world.renew()
        (tmp_path / ".env.test").write_text("PASSWORD=s3cret")
        (tmp_path / ".comporta").mkdir()
        (tmp_path / ".comporta" / "journal.db").write_text("ours")
        (tmp_path / "notes.tmp").write_text("x")
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "a.tmp").write_text("x")
        (tmp_path / ".dockerignore").write_text("# not these\n**/*.tmp\n!kept/*.tmp\nDockerfile\n")
        (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nLABEL test.service={world.service}\nCOPY . /src\n")
        await started(world.runtime, Slot.BLUE, "3.0.0", instances=1)
        there = docker("exec", world.containers()[0], "find", "/src", "-type", "f").splitlines()
        assert sorted(there) == ["/src/.dockerignore", "/src/kept/a.tmp"]
    finally:
        await world.close()


async def test_a_build_that_fails_is_told_in_the_engines_words_and_changes_nothing(built: DockerWorld) -> None:
    await started(built.runtime, Slot.BLUE, "1.0.0", instances=1)
    before = await built.runtime.observe(Slot.BLUE)
    await built.runtime.resolve("1.1.0")
    tagged = docker("image", "inspect", "-f", "{{.Id}}", f"{built.service}:1.1.0")
    (built.base / "src" / "1.1.0" / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo no compiler here; exit 9\n")
    with pytest.raises(ArtifactMissing, match=r"cannot build version 1\.1\.0: .*returned a non-zero code: 9") as told:
        await built.runtime.resolve("1.1.0")
    assert "no compiler here" in told.value.details
    assert await built.runtime.observe(Slot.BLUE) == before
    assert docker("image", "inspect", "-f", "{{.Id}}", f"{built.service}:1.1.0") == tagged


async def test_a_version_without_a_folder_to_build_from_is_told_with_those_that_have_one(built: DockerWorld) -> None:
    with pytest.raises(ArtifactMissing, match=r"cannot build version 1\.1\.1: there is no .*/src/1\.1\.1/") as told:
        await built.runtime.resolve("1.1.1")
    assert told.value.next.startswith("did you mean 1.1.0?")


async def test_build_metadata_of_a_version_fits_into_a_tag(built: DockerWorld) -> None:
    (built.base / "src" / "1.0.0").rename(built.base / "src" / "1.0.0+build.7")
    assert (await built.runtime.resolve("1.0.0+build.7")).launch["image"] == f"{built.service}:1.0.0_build.7"


@pytest.mark.parametrize("version", ["", "..", "../1.0.0", "a b", "1@sha256:0", "1/2", "1:2"])
async def test_a_version_is_a_plain_name(built: DockerWorld, version: str) -> None:
    with pytest.raises(UsageError, match="plain name"):
        await built.runtime.resolve(version)
    assert await built.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
