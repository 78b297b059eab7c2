"""Releases, instances and servers for the example's tests. All on loopback, in tmp folders, and ended."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from conversormpp.plan import Plan, Resource, Task
from make_release import RECIPES, make_release
from support.workload import Instance, free_port, until

Start = Callable[..., Instance]


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("releases")
    for version in RECIPES:
        make_release(version, directory / version)
    return directory


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(releases: Path, data: Path, tmp_path: Path) -> Iterator[Start]:
    """`start("1.1.0", FAULT_…="…")` runs an instance; instances of one test share the data."""
    running: list[Instance] = []
    numbers = itertools.count()

    def run(version: str = "1.2.0", **environment: str) -> Instance:
        instance = Instance(releases / version, data, tmp_path / f"{next(numbers)}.log", environment)
        running.append(instance)
        return instance

    yield run
    for instance in running:
        instance.kill()


@pytest.fixture
def plan() -> Plan:
    first = Task(1, "=1+1", 1, "2026-01-05T08:00", "2026-01-06T17:00", 16.0, 50.0, (), ("Ann", "Bob"))
    second = Task(2, "Prüfung, 2", 2, "2026-01-07T08:00", "", None, None, (1,), ())
    return Plan("A plan", (first, second), (Resource(1, "Ann"), Resource(2, "Bob")))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis server's URL and process."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: _redis_answers(port), "Redis answers")
        yield f"redis://127.0.0.1:{port}/0", server
    finally:
        server.kill()
        server.wait()


def _redis_answers(port: int) -> bool:
    import redis

    try:
        return bool(redis.Redis(port=port).ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server's empty database. The server refuses to run as root: then it runs as postgres."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL's server is not installed")
    user = _unprivileged()
    # Not below pytest's own folders: the other user could not reach it there.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as directory:
        if user:
            shutil.chown(directory, user)
        initdb = ["initdb", "-D", "cluster", "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(initdb, cwd=directory, user=user, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command = ["postgres", "-D", "cluster", "-p", str(port), *settings]
        server = subprocess.Popen(command, cwd=directory, user=user, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _postgresql_answers(port), "PostgreSQL answers")
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it does not wait for its clients
            server.wait(60)


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def _postgresql_answers(port: int) -> bool:
    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True
