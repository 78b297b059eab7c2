"""The docker runtime with real containers: what they get, that they outlive comporta, and that nothing is left."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest

from comporta.drivers.runtimes.docker import diagnose
from comporta.model.errors import RuntimeFailure
from comporta.model.release import InstanceState, Occupant, SlotState
from comporta.model.traffic import ReleaseRef, Slot
from comporta.testing.runtime_contract import started
from support import certificates as authority
from support.docker_world import BASE, DockerWorld, docker

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

NASTY = "100% \"double\" 'single' ;comment #hash $HOME `id` {port} \\n \ttab é"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DockerWorld]:
    world = DockerWorld(tmp_path)
    yield world
    await world.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.make(tmp_path_factory.mktemp("tls"))


async def test_each_instance_has_its_own_port_on_the_loopback_and_knows_who_it_is(world: DockerWorld) -> None:
    await started(world.runtime, Slot.GREEN, "1.1.0", instances=2, number=7)
    for index in (1, 2):
        told = await world.ask(Slot.GREEN, index)
        known = {name: text for name, text in told.items() if name == "PORT" or name.startswith("COMPORTA_")}
        assert known == {
            "PORT": "3000",
            "COMPORTA_SLOT": "green",
            "COMPORTA_INSTANCE": str(index),
            "COMPORTA_VERSION": "1.1.0",
            "COMPORTA_RELEASE": "7",
        }
    published = {world.inspect(c, "{{json .NetworkSettings.Ports}}") for c in world.containers()}
    wanted = {f'{{"3000/tcp":[{{"HostIp":"127.0.0.1","HostPort":"{world.port(Slot.GREEN, i)}"}}]}}' for i in (1, 2)}
    assert published == wanted


async def test_a_container_tells_by_its_labels_what_it_is(world: DockerWorld) -> None:
    artifact = await world.runtime.resolve("1.1.0")
    occupant = Occupant(release=ReleaseRef(number=7, version="1.1.0"), artifact=artifact, instances=1)
    await world.runtime.start(Slot.GREEN, occupant, deployment=9)
    labels = msgspec.json.decode(world.inspect(world.containers()[0], "{{json .Config.Labels}}"))
    told = {name: text for name, text in labels.items() if name.startswith("comporta.")}
    del told["comporta.occupant"]
    assert told == {
        "comporta.service": world.service,
        "comporta.environment": "test",
        "comporta.slot": "green",
        "comporta.instance": "1",
        "comporta.release": "7",
        "comporta.version": "1.1.0",
        "comporta.deployment": "9",
    }


async def test_values_arrive_as_they_are_and_secrets_are_only_in_the_environment(tmp_path: Path) -> None:
    world = DockerWorld(
        tmp_path, env={"PASSWORD": "${PASSWORD}", "PLAIN": "%d {index} {port}", "URL": "db://${PASSWORD}"}
    )
    try:
        world.secrets.values["PASSWORD"] = f"s3cret {NASTY}"
        world.secrets.env_file = {"FROM_FILE": f"t0ken {NASTY}", "PORT": "1"}
        occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        told = await world.ask(Slot.BLUE, 1)
        assert told["PASSWORD"] == f"s3cret {NASTY}"
        assert told["FROM_FILE"] == f"t0ken {NASTY}"
        assert (told["PLAIN"], told["PORT"]) == ("%d 1 3000", "3000")
        assert told["URL"] == f"db://s3cret {NASTY}"
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        labels = world.inspect(world.containers()[0], "{{json .Config.Labels}}").encode()
        shown = [written, labels, msgspec.json.encode(occupant)]
        assert not [text for text in shown if b"s3cret" in text or b"t0ken" in text]
        assert b"${PASSWORD}" in labels
    finally:
        await world.close()


async def test_a_container_is_what_the_config_says(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "told").write_text("from the host")
    networks = [f"ct-{os.getpid()}-{name}" for name in ("one", "two")]
    for network in networks:
        docker("network", "create", network)
    world = DockerWorld(
        tmp_path,
        command=["sh", "-c", "cat /conf/told; exec service", "{slot}"],
        volumes=["./conf:/conf:ro", f"{networks[0]}:/data"],
        networks=networks,
        limits={"memory": "64m", "cpus": 0.5, "pids": 50},
        restart="on-failure:3",
        log={"driver": "local", "options": {"max-size": "1m"}},
        stop_grace="7s",
    )
    try:
        await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
        await world.ask(Slot.BLUE, 1)
        [container] = world.containers()
        assert "from the host" in docker("logs", container)
        told = world.inspect(
            container,
            "{{with .HostConfig}}{{.Memory}} {{.NanoCpus}} {{.PidsLimit}} {{.RestartPolicy.Name}} "
            "{{.RestartPolicy.MaximumRetryCount}} {{.LogConfig.Type}}{{end}} {{.Config.StopTimeout}} "
            "{{index .Config.Cmd 3}} {{range .Mounts}}{{.Type}}:{{.Destination}}:{{.RW}} {{end}}",
        )
        first, mounts = told.split()[:8], set(told.split()[8:])
        assert first == ["67108864", "500000000", "50", "on-failure", "3", "local", "7", "blue"]
        assert mounts == {"bind:/conf:false", "volume:/data:true"}
        joined = msgspec.json.decode(world.inspect(container, "{{json .NetworkSettings.Networks}}"))
        assert set(joined) == set(networks)
    finally:
        await world.close()
        docker("network", "rm", *networks)
        docker("volume", "rm", networks[0])


async def test_another_comporta_adopts_what_is_there(world: DockerWorld, tmp_path: Path) -> None:
    """Also when it has never heard of it: the labels say all."""
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    before = await world.runtime.observe(Slot.BLUE)
    (tmp_path / ".comporta").rename(tmp_path / "lost")
    assert await world.runtime.observe(Slot.BLUE) == before
    await world.runtime.start(Slot.BLUE, occupant)
    assert await world.runtime.observe(Slot.BLUE) == before
    await world.runtime.expire(Slot.BLUE, world.clock.now() + 1000)
    state = await world.runtime.observe(Slot.BLUE)
    assert state.occupant is not None
    assert state.occupant.warm_until is not None
    await world.runtime.stop(Slot.BLUE)
    assert world.containers() == []


async def test_a_container_that_was_removed_by_hand_is_missed_and_brought_back(world: DockerWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    before = await world.runtime.observe(Slot.BLUE)
    docker("rm", "-f", f"{world.service}.test.blue-2")
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.running) == (occupant, False)
    assert [i.state for i in state.instances] == [InstanceState.RUNNING, InstanceState.STOPPED]
    await world.runtime.start(Slot.BLUE, occupant)
    state = await world.runtime.observe(Slot.BLUE)
    assert state.running
    assert state.instances[0] == before.instances[0]


async def test_containers_that_were_all_removed_by_hand_are_missed(world: DockerWorld) -> None:
    occupant = await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    docker("rm", "-f", *world.containers())
    state = await world.runtime.observe(Slot.BLUE)
    assert (state.occupant, state.running) == (occupant, False)
    await world.runtime.start(Slot.BLUE, occupant)
    assert (await world.runtime.observe(Slot.BLUE)).running


async def test_what_holds_a_port_is_named_and_nothing_is_changed(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    before = await world.runtime.observe(Slot.BLUE)
    artifact = await world.runtime.resolve("1.1.0")
    assert before.occupant is not None
    wanted = msgspec.structs.replace(before.occupant, artifact=artifact, instances=3)
    name = f"foreign-{world.service}"
    docker("run", "-d", "--name", name, "-p", f"127.0.0.1:{world.port(Slot.BLUE, 2)}:1", BASE, "sleep", "100")
    try:
        with pytest.raises(RuntimeFailure, match=f"{world.port(Slot.BLUE, 2)}: it is taken by container {name}"):
            await world.runtime.start(Slot.BLUE, wanted)
        findings = await anyio.to_thread.run_sync(diagnose, world.spec, world.options)
    finally:
        docker("rm", "-f", name)
    assert [f.name for f in findings if not f.ok] == ["ports of blue"]
    assert name in next(f.text for f in findings if not f.ok)
    with (
        socket.create_server(("127.0.0.1", world.port(Slot.BLUE, 3))),
        pytest.raises(RuntimeFailure, match=f"{world.port(Slot.BLUE, 3)}: it is taken by process {os.getpid()} "),
    ):
        await world.runtime.start(Slot.BLUE, wanted)
    assert await world.runtime.observe(Slot.BLUE) == before


async def test_an_image_that_went_is_told_before_anything_is_changed(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=1)
    before = await world.runtime.observe(Slot.BLUE)
    artifact = await world.runtime.resolve("1.1.0")
    world.remove("1.1.0")
    assert before.occupant is not None
    with pytest.raises(RuntimeFailure, match=r"cannot start 1\.1\.0: its image sha256:\w+ .* is gone"):
        await world.runtime.start(Slot.BLUE, msgspec.structs.replace(before.occupant, artifact=artifact))
    assert await world.runtime.observe(Slot.BLUE) == before


async def test_a_network_that_is_not_there_is_told_before_anything_is_changed(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, networks=["no-such-network"])
    try:
        with pytest.raises(RuntimeFailure, match="no-such-network") as told:
            await started(world.runtime, Slot.BLUE, "1.0.0")
        assert told.value.next == "docker network create no-such-network"
        assert await world.runtime.observe(Slot.BLUE) == SlotState(slot=Slot.BLUE)
    finally:
        await world.close()


async def test_a_container_that_cannot_be_started_is_told_in_the_engines_words(tmp_path: Path) -> None:
    world = DockerWorld(tmp_path, command=["no-such-program"])
    try:
        with pytest.raises(RuntimeFailure, match=r"cannot start blue-1: .*no-such-program.*not found"):
            await started(world.runtime, Slot.BLUE, "1.0.0")
        state = await world.runtime.observe(Slot.BLUE)
        assert not state.running
    finally:
        await world.close()


async def test_nothing_is_left_of_a_stopped_slot(world: DockerWorld) -> None:
    world.release("1.0.0", "VOLUME /data")
    await started(world.runtime, Slot.BLUE, "1.0.0", instances=2)
    volumes = [world.inspect(c, "{{range .Mounts}}{{.Name}}{{end}}") for c in world.containers()]
    assert set(volumes) <= set(docker("volume", "ls", "-q").split())
    await world.runtime.stop(Slot.BLUE)
    assert world.containers() == []
    assert set(volumes).isdisjoint(docker("volume", "ls", "-q").split())


async def test_two_environments_live_side_by_side(world: DockerWorld) -> None:
    other = DockerWorld(world.base, service=world.service, environment="other")
    try:
        for one in (world, other):
            await started(one.runtime, Slot.BLUE, "1.0.0", instances=1)
        await world.runtime.stop(Slot.BLUE)
        await other.ask(Slot.BLUE, 1)
        assert (await other.runtime.observe(Slot.BLUE)).running
    finally:
        await other.runtime.stop(Slot.BLUE)


async def test_what_a_machine_has_is_told(world: DockerWorld) -> None:
    await started(world.runtime, Slot.BLUE, "1.0.0")
    listed = await anyio.to_thread.run_sync(diagnose, world.spec, world.options)
    findings = {finding.name: finding for finding in listed}
    assert set(findings) == {"docker", "images", "ports of blue", "ports of green"}
    assert all(finding.ok for finding in findings.values()), "our own instances may hold our ports"
    assert "2 versions" in findings["images"].text


@pytest.mark.parametrize("url", ["unix:///nowhere/docker.sock", "ssh://root@127.0.0.1:1", "tcp://127.0.0.1:1"])
async def test_an_engine_that_cannot_be_reached_is_told_with_what_helps(
    world: DockerWorld, url: str, certificates: Path
) -> None:
    other = DockerWorld(world.base, service=world.service, engine=url, tls=str(certificates))
    for act in (other.runtime.resolve("1.0.0"), other.runtime.observe(Slot.BLUE), other.runtime.stop(Slot.BLUE)):
        with pytest.raises(RuntimeFailure, match=f"cannot reach the Docker Engine at {url}: ") as told:
            await act
        assert "comporta doctor" in told.value.next
    findings = await anyio.to_thread.run_sync(diagnose, other.spec, other.options)
    assert [(finding.name, finding.ok) for finding in findings] == [("docker", False)]
    assert findings[0].next
