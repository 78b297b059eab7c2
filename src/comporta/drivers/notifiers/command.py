"""A command of the operator's own, with the facts in its environment: this is what a hook is."""

from __future__ import annotations

import json
import os
from pathlib import Path

from comporta.drivers.programs import run_program
from comporta.model.errors import NotifyFailure
from comporta.model.messages import Message
from comporta.ports.secrets import Secrets

LONGEST = 10_000
"""Characters of one fact in the environment, which has room for so much only; on the input it is whole."""


class Command:
    """Implements the Notifier port. Runs without a shell, in `folder`, with the env file's names.

    Each fact is `COMPORTA_…` in its environment (`COMPORTA_EVENT`, `COMPORTA_VERSION`; empty where there is none),
    and all of them are a JSON document on its standard input.
    """

    def __init__(self, words: tuple[str, ...], folder: Path, timeout: float, secrets: Secrets) -> None:
        self._words = words
        self._folder = folder
        self._timeout = timeout
        self._secrets = secrets

    async def send(self, message: Message) -> None:
        facts = message.facts()
        told = {f"COMPORTA_{name.upper()}": _text(value) for name, value in facts.items()}
        passed, answer = await run_program(
            [self._secrets.fill(word) for word in self._words],
            folder=self._folder,
            environment={**os.environ, **self._secrets.env_file, **told},
            timeout=self._timeout,
            stdin=json.dumps(facts, ensure_ascii=False).encode(),
        )
        if not passed:
            raise NotifyFailure(answer)


def _text(value: object) -> str:
    """A fact as the environment can hold it."""
    return "" if value is None else str(value).replace("\0", "")[:LONGEST]
