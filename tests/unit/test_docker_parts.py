"""The docker runtime without an engine: what the config accepts, what gets into a build, how logs are read."""

from __future__ import annotations

import struct
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from comporta.drivers.runtimes.docker.context import Ignored, pack
from comporta.drivers.runtimes.docker.engine import Engine
from comporta.drivers.runtimes.docker.fleet import Fleet
from comporta.drivers.runtimes.docker.logs import Line, epoch, parsed
from comporta.drivers.runtimes.docker.options import Container, DockerOptions
from comporta.model.traffic import Slot
from comporta.strategies import parts
from support import specs

AT = "2026-11-24T23:01:24.000000001Z"
HOSTS = [
    {"engine": "ssh://a", "address": "10.0.0.1"},
    {"engine": "ssh://b", "address": "10.0.0.2"},
]


def options(**changes: Any) -> DockerOptions:
    return DockerOptions(**{"image": "shop:{version}", "port": 3000, **changes})


def test_the_shortest_config_names_an_image_and_a_port() -> None:
    assert options().reference("2.1.0") == "shop:2.1.0"
    assert (
        options(image="r.example:5000/a/shop:v{version}-slim").reference("2.1.0") == "r.example:5000/a/shop:v2.1.0-slim"
    )


def test_what_is_recorded_of_a_release_can_be_read_back() -> None:
    container = options(
        limits={"memory": "512m", "cpus": 1.5}, stop_grace="90s", volumes=["data:/data"], restart="on-failure:5"
    ).container
    assert (container.limits.memory, container.stop_grace) == (512 << 20, 90.0)
    assert Container.model_validate(container.model_dump(mode="json")) == container


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"image": "shop:latest"}, "must end with a tag that holds {version}"),
        ({"hosts": HOSTS, "engine": "ssh://a"}, "stands in place of `engine` and `host`"),
        ({"hosts": HOSTS, "host": "10.0.0.1"}, "stands in place of `engine` and `host`"),
        ({"hosts": [HOSTS[0], HOSTS[0]]}, "two hosts have the same engine"),
        ({"image": "{version}/shop:latest"}, "must end with a tag that holds {version}"),
        ({"image": "shop:{versoin}"}, "unknown placeholder {versoin}"),
        ({"command": ["serve", "${TOKEN}"]}, "visible to every user"),
        ({"env": {"A": "{nothing}"}}, "unknown placeholder {nothing}"),
        ({"env": {"A-B": "x"}}, "pattern"),
        ({"build": {"args": {"TOKEN": "${TOKEN}"}}}, "stays readable in the image"),
        ({"networks": ["host"]}, "cannot share the network 'host'"),
        ({"volumes": ["/data"]}, "is no volume"),
        ({"volumes": ["data:data"]}, "is no volume"),
        ({"volumes": ["data:/data:rx"]}, "is no volume"),
        ({"limits": {"memory": "1m"}}, "greater than or equal to 6291456"),
        ({"limits": {"memory": "much"}}, "valid integer"),
        ({"restart": "sometimes"}, "pattern"),
        ({"engine": "ssh://-oProxyCommand=x"}, "pattern"),
        ({"engine": "http://engine"}, "pattern"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"privileged": True}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValidationError) as told:
        options(**changes)
    assert cause in str(told.value)


@pytest.mark.parametrize(
    ("changes", "environ", "url", "tls"),
    [
        ({}, {}, "unix:///var/run/docker.sock", ""),
        ({}, {"DOCKER_HOST": "ssh://root@far"}, "ssh://root@far", ""),
        ({}, {"DOCKER_HOST": "tcp://far:2376", "DOCKER_CERT_PATH": "/certs"}, "tcp://far:2376", "/certs"),
        ({"engine": "tcp://far:2376", "tls": "certs"}, {"DOCKER_HOST": "ssh://other"}, "tcp://far:2376", "/srv/certs"),
        ({"engine": "unix:///run/d.sock"}, {"DOCKER_CERT_PATH": "/certs"}, "unix:///run/d.sock", ""),
    ],
)
def test_the_engine_is_the_configured_one_or_that_of_dockers_own_client(
    changes: dict[str, Any], environ: dict[str, str], url: str, tls: str
) -> None:
    engine = Engine.of(options(**changes), Path("/srv"), environ)
    assert (engine.url, engine.tls) == (url, tls)


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (["*.tmp"], "a.tmp", True),
        (["*.tmp"], "sub/a.tmp", False),
        (["**/*.tmp"], "a.tmp", True),
        (["**/*.tmp"], "sub/deep/a.tmp", True),
        (["/build"], "build/a/b", True),
        (["build/"], "build/a", True),
        (["./build"], "build", True),
        (["build"], "rebuild", False),
        (["a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["[ab].txt"], "b.txt", True),
        (["[ab].txt"], "c.txt", False),
        (["docs/**"], "docs/a/b", True),
        (["*", "!kept"], "kept/a", False),
        (["*", "!kept", "kept/a"], "kept/a", True),
        (["# build", "", "  build  "], "build", True),
        (["a.b"], "axb", False),
        ([], "a", False),
    ],
)
def test_what_a_dockerignore_leaves_out(lines: list[str], path: str, ignored: bool) -> None:
    assert (path in Ignored(lines)) is ignored


def test_a_context_is_packed_whole_but_for_what_is_ignored_or_private(tmp_path: Path) -> None:
    for name in ("app/main.py", "app/main.pyc", ".comporta/journal.db", "Dockerfile", "empty/.keep"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("app/main.py")
    (tmp_path / ".dockerignore").write_text("**/*.pyc\nDockerfile\nempty\n")
    with tempfile.TemporaryFile() as file:
        needed = ("Dockerfile", ".dockerignore")
        pack(tmp_path, needed=needed, private=[tmp_path / ".comporta"], into=file)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            members = {member.name: member for member in archive.getmembers()}
    assert sorted(members) == [".dockerignore", "Dockerfile", "app", "app/main.py", "link"]
    assert members["link"].linkname == "app/main.py"
    assert {member.uid for member in members.values()} == {0}


def piece(stream: int, text: str) -> bytes:
    payload = text.encode()
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def test_the_streams_of_a_log_are_told_apart_until_their_lines_are_whole() -> None:
    content = piece(1, f"{AT} on") + piece(2, f"{AT} err\n") + piece(1, f"e\n{AT} two\r\n{AT} cut")
    assert parsed(content) == [Line(AT, text) for text in ("err", "one", "two", "cut")]
    assert parsed(b"") == []


def test_an_empty_line_is_a_line() -> None:
    assert parsed(piece(1, f"{AT} \n{AT} a b\n")) == [Line(AT, ""), Line(AT, "a b")]


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        (AT, "1795561284.000000001"),
        ("2026-11-24T23:01:24.5Z", "1795561284.500000000"),
        ("1970-01-01T00:00:01Z", "1.000000000"),
    ],
)
def test_the_engines_times_are_read_to_the_nanosecond(told: str, taken: str) -> None:
    assert epoch(told) == taken


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({}, ["127.0.0.1:8101", "127.0.0.1:8102", "127.0.0.1:8103"]),
        ({"host": "10.0.0.5"}, ["10.0.0.5:8101", "10.0.0.5:8102", "10.0.0.5:8103"]),
        ({"host": "fd00::5"}, ["[fd00::5]:8101", "[fd00::5]:8102", "[fd00::5]:8103"]),
        ({"hosts": HOSTS}, ["10.0.0.1:8101", "10.0.0.2:8102", "10.0.0.1:8103"]),
    ],
)
def test_the_router_looks_for_instances_where_they_are_published(changes: dict[str, Any], answers: list[str]) -> None:
    chosen = options(**changes)
    spec = specs.spec(instance_hosts=chosen.instance_hosts, instances=3)
    fleet = Fleet.of(spec, chosen)
    topology = parts.topology(spec, specs.nothing_deployed())
    assert list(topology.blue) == list(spec.addresses(Slot.BLUE, 3)) == answers
    there = {host.address: fleet.ports(host, spec.blue, 3) for host in fleet.hosts}
    published = {port: address for address, ports in there.items() for port in ports}
    assert [published[port] for port in sorted(published)] == [a.rpartition(":")[0].strip("[]") for a in answers]
