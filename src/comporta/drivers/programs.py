"""Running a program that somebody named in the config: without a shell, within a time, and with nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyio.abc import Process

SHOWN_LINES = 20
KEPT_BYTES = 64 * 1024
"""The end of a program's output: what it says last is what matters."""


async def run_program(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout: float, stdin: bytes = b""
) -> tuple[bool, str]:
    """Whether it ended with 0 within `timeout` seconds, and its exit code with the last lines that it wrote."""
    import anyio

    try:
        process = await anyio.open_process(
            words,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return False, f"cannot run {words[0]}: {error.strerror}"
    try:
        with anyio.fail_after(timeout):
            output = await _exchange(process, stdin)
            code = await process.wait()
    except TimeoutError:
        return False, f"did not end within {timeout:g} s"
    finally:
        await _end(process)
    return code == 0, _summary(code, output)


async def _exchange(process: Process, stdin: bytes) -> bytes:
    """The end of what it writes, while it reads what it is given."""
    import anyio

    assert process.stdout is not None, "its output is a pipe"
    output = b""
    async with anyio.create_task_group() as group:
        if process.stdin is not None:
            group.start_soon(_feed, process, stdin)
        async for chunk in process.stdout:
            output = (output + chunk)[-KEPT_BYTES:]
    return output


async def _feed(process: Process, stdin: bytes) -> None:
    import anyio

    assert process.stdin is not None, "its input is a pipe"
    # A program need not read what it is told.
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await process.stdin.send(stdin)
        await process.stdin.aclose()


async def _end(process: Process) -> None:
    """Leave nothing behind: neither the program nor what it started."""
    import anyio

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.wait()


def _summary(code: int, output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()[-SHOWN_LINES:]
    said = f": {' | '.join(lines)}" if lines else ""
    return f"exit code {code}{said}"
