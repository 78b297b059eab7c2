"""Ask by running a program: 0 is yes."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from comporta.model.checks import CheckResult, CommandCheck, Target
from comporta.ports.secrets import Secrets

if TYPE_CHECKING:
    from anyio.abc import Process

SHOWN_LINES = 20
KEPT_BYTES = 64 * 1024
"""The end of a program's output: what it says last is what matters."""


class CommandProbe:
    """Implements the Probe port for `CommandCheck`. Runs without a shell, in `folder`, with the env file's names."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self._folder = folder
        self._secrets = secrets

    async def ask(self, check: CommandCheck, target: Target) -> CheckResult:
        words = [self._secrets.fill(_placed(word, target)) for word in check.run]
        began = time.perf_counter()
        passed, answer = await self._run(words, check.timeout)
        return CheckResult(
            passed=passed,
            asked=self._secrets.redact(shlex.join(words)),
            answer=self._secrets.redact(answer),
            seconds=time.perf_counter() - began,
        )

    async def _run(self, words: list[str], timeout: float) -> tuple[bool, str]:
        import anyio

        try:
            process = await anyio.open_process(
                words,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment(),
                start_new_session=True,
            )
        except OSError as error:
            return False, f"cannot run {words[0]}: {error.strerror}"
        try:
            with anyio.fail_after(timeout):
                output = await _last_output(process)
                code = await process.wait()
        except TimeoutError:
            return False, f"did not end within {timeout:g} s"
        finally:
            await _end(process)
        return code == 0, _summary(code, output)

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, **self._secrets.env_file}


def _placed(word: str, target: Target) -> str:
    """The word with its placeholders filled; braces that are none of them stay."""
    facts = {
        "{url}": target.url,
        "{address}": target.address,
        "{host}": target.host,
        "{slot}": target.slot or "",
        "{index}": str(target.index or ""),
        "{python}": sys.executable,
    }
    for name, value in facts.items():
        word = word.replace(name, value)
    return word


async def _last_output(process: Process) -> bytes:
    assert process.stdout is not None, "its output is a pipe"
    output = b""
    async for chunk in process.stdout:
        output = (output + chunk)[-KEPT_BYTES:]
    return output


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
