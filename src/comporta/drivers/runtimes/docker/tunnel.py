"""OpenSSH forwards the engine's socket of another machine to one here.

It ends with us, also when we are killed: the far end is a `cat` whose input is a pipe that only we hold open.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import anyio

from comporta.drivers.runtimes.docker.api import Unreachable
from comporta.model.errors import MissingTool

SOCKET = "/var/run/docker.sock"
CONNECT_BOUND = 20.0
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ExitOnForwardFailure": "yes",
    "ServerAliveInterval": "5",
    "ControlPath": "none",
}


@asynccontextmanager
async def tunnel(url: str) -> AsyncIterator[str]:
    """The path of a socket that leads to the engine of `ssh://[user@]host[:port][/path/of/its/socket]`.

    Raises:
        Unreachable: OpenSSH cannot connect; it has OpenSSH's own words.
    """
    with tempfile.TemporaryDirectory(prefix="comporta-") as folder:
        path = f"{folder}/engine.sock"
        try:
            process = await anyio.open_process(_command(url, path), stderr=subprocess.PIPE, start_new_session=True)
        except FileNotFoundError as error:
            raise MissingTool(f"cannot reach {url}: there is no ssh", next="apt-get install openssh-client") from error
        async with process:
            try:
                await _until_forwarded(process, url)
                yield path
            finally:
                await _end(process)


async def _end(process: anyio.abc.Process) -> None:
    """Nothing else may ask for its exit code until asyncio has it, else asyncio complains that it is gone.

    So it is not ended by its `terminate`, and awaited also by who is cancelled: its end would ask as well.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.wait()


def _command(url: str, path: str) -> list[str]:
    parts = urlsplit(url)
    port = ["-p", str(parts.port)] if parts.port else []
    options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    target = f"{parts.username}@{parts.hostname}" if parts.username else parts.hostname or ""
    return ["ssh", "-T", *options, *port, "-L", f"{path}:{parts.path.rstrip('/') or SOCKET}", "--", target, "cat"]


async def _until_forwarded(process: anyio.abc.Process, url: str) -> None:
    """What we say comes back from the far end: OpenSSH listens on our socket by then."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with anyio.fail_after(CONNECT_BOUND):
            await process.stdin.send(b"ready\n")
            await process.stdout.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError, TimeoutError) as error:
        await _end(process)
        said = [line.decode(errors="replace") async for line in process.stderr]
        raise Unreachable(
            f"cannot reach the Docker Engine at {url}: {' '.join(''.join(said).split()) or 'ssh did not connect'}",
            next="`comporta doctor` looks at everything; OpenSSH must get there without a question",
        ) from error
