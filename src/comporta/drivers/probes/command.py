"""Ask by running a program: 0 is yes."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from comporta.drivers.programs import run_program
from comporta.model.checks import CheckResult, CommandCheck, Target
from comporta.ports.secrets import Secrets


class CommandProbe:
    """Implements the Probe port for `CommandCheck`. Runs without a shell, in `folder`, with the env file's names."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self._folder = folder
        self._secrets = secrets

    async def ask(self, check: CommandCheck, target: Target) -> CheckResult:
        words = [self._secrets.fill(_placed(word, target)) for word in check.run]
        began = time.perf_counter()
        passed, answer = await run_program(
            words, folder=self._folder, environment=self._environment(), timeout=check.timeout
        )
        return CheckResult(
            passed=passed,
            asked=self._secrets.redact(shlex.join(words)),
            answer=self._secrets.redact(answer),
            seconds=time.perf_counter() - began,
        )

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
