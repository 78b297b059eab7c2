"""The service's folder on this machine, with git, a disk and installed programs."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio

from comporta.ports.secrets import Secrets
from comporta.ports.workshop import Ran

if TYPE_CHECKING:
    from anyio.abc import Process

SHOWN_LINES = 20
KEPT_BYTES = 4 * 1024 * 1024
"""The end of a command's output: what it says last is what matters."""


class LocalWorkshop:
    """Implements the Workshop port.

    Args:
        folder: of the config.
        home: where outputs and what passed are kept; it is made when it is needed.
    """

    def __init__(self, folder: Path, home: Path, secrets: Secrets) -> None:
        self._folder = folder
        self._home = home
        self._secrets = secrets

    def has(self, program: str) -> bool:
        return shutil.which(program) is not None

    def files(self) -> frozenset[str]:
        return frozenset(os.listdir(self._folder))

    async def run(self, name: str, words: Sequence[str], timeout: float) -> Ran:
        output = bytearray()
        text, ok = await self._run([self._secrets.fill(word) for word in words], timeout, output)
        said = self._secrets.redact(output.decode("utf-8", "replace"))
        log = self._home / "logs" / f"{quote(name, safe=' ')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"$ {shlex.join(words)}\n{said}\n{text}\n")
        return Ran(ok=ok, text=text, tail=tuple(said.strip().splitlines()[-SHOWN_LINES:]), log=str(log))

    async def _run(self, words: Sequence[str], timeout: float, output: bytearray) -> tuple[str, bool]:
        try:
            process = await anyio.open_process(
                words, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=self._folder, start_new_session=True
            )
        except OSError as error:
            return f"cannot run {words[0]}: {error.strerror}", False
        try:
            with anyio.fail_after(timeout):
                assert process.stdout is not None, "its output is a pipe"
                async for chunk in process.stdout:
                    output += chunk
                    del output[:-KEPT_BYTES]
                code = await process.wait()
        except TimeoutError:
            return f"did not end within {timeout:g} s", False
        finally:
            await _end(process)
        return f"exit code {code}", code == 0

    async def identity(self) -> str | None:
        state = os.path.relpath(self._home.parent, self._folder)
        outside = state.startswith("..")
        changed = await self._git("status", "--porcelain", "--", ".", *(() if outside else (f":(exclude){state}",)))
        tree = await self._git("rev-parse", "HEAD:./")
        return tree if changed == "" else None

    async def _git(self, *words: str) -> str | None:
        """What git says; None where it refuses, or is not there."""
        try:
            done = await anyio.run_process(["git", *words], check=False, cwd=self._folder)
        except OSError:
            return None
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def free_bytes(self) -> int:
        existing = self._home
        while not existing.exists():
            existing = existing.parent
        return shutil.disk_usage(existing).free

    def passed_at(self, key: str) -> float | None:
        try:
            return float((self._home / "passed" / key).read_text())
        except (OSError, ValueError):
            return None

    def remember(self, key: str, at: float) -> None:
        place = self._home / "passed"
        place.mkdir(parents=True, exist_ok=True)
        (place / key).write_text(repr(at))


async def _end(process: Process) -> None:
    """Leave nothing behind: neither the command nor what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with anyio.CancelScope(shield=True):
        await process.wait()
        await process.aclose()
