"""A real PostgreSQL server on a free port, with as many empty databases as tests need."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.backends import free_port


@dataclass
class Server:
    """Its cluster is in `directory`; `user` runs it, where that is another one."""

    directory: str
    user: str | None
    port: int

    def __enter__(self) -> Server:
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        command = [f"{_programs()}/postgres", "-D", "cluster", "-p", str(self.port), *settings]
        self._process = subprocess.Popen(command, cwd=self.directory, user=self.user, stderr=subprocess.DEVNULL)
        _until_it_answers(self)
        return self

    def __exit__(self, *args: object) -> None:
        self._process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for its clients
        self._process.wait(60)

    def restart(self) -> None:
        """As an operator does it: every session ends, and what was not committed is undone."""
        self.__exit__()
        self.__enter__()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(query.encode())
        return found.fetchall() if found.description else []


def tables(url: str) -> set[str]:
    found = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found} - {"comporta_migrations", "alembic_version", "tool_version"}


@contextmanager
def postgresql() -> Iterator[Server]:
    """The server refuses to run as root: then it runs as the user postgres."""
    user = _unprivileged()
    # Not below pytest's own folders: the other user could not reach it there.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as directory:
        if user:
            shutil.chown(directory, user)
        initdb = [f"{_programs()}/initdb", "-D", "cluster", "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(initdb, cwd=directory, user=user, check=True, stdout=subprocess.DEVNULL)
        with Server(directory, user, free_port()) as server:
            yield server


def _programs() -> str:
    """Debian keeps the server's programs off the PATH."""
    found = shutil.which("initdb", path=os.pathsep.join(map(str, Path("/usr/lib/postgresql").glob("*/bin"))))
    found = found or shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL's server is not installed")
    return str(Path(found).parent)


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def _until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.url("postgres")).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)
