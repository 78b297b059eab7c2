"""Programs of the release that read or change the schema, with the limits of the config."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
from msgspec import Struct

from comporta.drivers.migrators.inside import launcher
from comporta.model.errors import MigrationFailed

SHOWN_LINES = 20


class Said(Struct, frozen=True):
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str

    def redacted(self, redact: Callable[[str], str]) -> Said:
        return Said(self.code, redact(self.output), redact(self.errors))

    @property
    def lines(self) -> list[str]:
        """The end of what it said, for a person."""
        return [line for line in f"{self.output}\n{self.errors}".splitlines() if line.strip()][-SHOWN_LINES:]


async def run(words: Sequence[str], *, folder: Path, env: Mapping[str, str], timeout: float) -> Said:
    """Run a program to its end, without a shell. Nothing of it is left when this returns, or is cancelled.

    Raises:
        MigrationFailed: it did not end in time.
    """
    command = [sys.executable, "-I", launcher.__file__, str(os.getpid()), *words]
    process = await anyio.open_process(
        command, stdin=subprocess.DEVNULL, cwd=folder, env=merged(env), start_new_session=True
    )
    said: dict[str, bytes] = {}

    async def read(name: str, stream: anyio.abc.ByteReceiveStream) -> None:
        said[name] = b"".join([chunk async for chunk in stream])

    assert process.stdout is not None, "its output is a pipe"
    assert process.stderr is not None, "its errors are another"
    try:
        with anyio.fail_after(timeout):
            async with anyio.create_task_group() as group:
                group.start_soon(read, "output", process.stdout)
                group.start_soon(read, "errors", process.stderr)
            code = await process.wait()
    except TimeoutError:
        cause = f"it did not end within {timeout:g} s"
        raise MigrationFailed(f"cannot run {words[0]}: {cause}", next="`timeout` of the migrator") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.wait()
    return Said(code, said["output"].decode("utf-8", "replace"), said["errors"].decode("utf-8", "replace"))


def merged(env: Mapping[str, str]) -> dict[str, str]:
    """Our environment with these; what is already asked of PostgreSQL stays."""
    options = " ".join(filter(None, [os.environ.get("PGOPTIONS"), env.get("PGOPTIONS")]))
    return {**os.environ, **env, **({"PGOPTIONS": options} if options else {})}
