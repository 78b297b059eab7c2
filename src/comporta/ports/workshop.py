"""The folder where the service is made, on this machine: its tools, its disk, and what was tried in it before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from comporta.model.values import Value


class Ran(Value, frozen=True):
    """How a command ended.

    Attributes:
        ok: it exited with 0.
        text: "exit code 1", or why there is none.
        tail: the last lines it wrote; `log` the file that holds more of them.
    """

    ok: bool
    text: str
    tail: tuple[str, ...]
    log: str


class Workshop(Protocol):
    def has(self, program: str) -> bool: ...

    def files(self) -> frozenset[str]:
        """The names of what lies in the folder."""

    async def run(self, name: str, words: Sequence[str], timeout: float) -> Ran:
        """Run a command in the folder, without a shell, and leave nothing of it running.

        Args:
            name: under which its output is kept.
            timeout: seconds.
        """

    async def identity(self) -> str | None:
        """Names the content of the folder; None where nothing can (changes that are not committed, or no git)."""

    def free_bytes(self) -> int:
        """On the disk of the state folder."""

    def passed_at(self, key: str) -> float | None:
        """When something passed that was remembered; None: never."""

    def remember(self, key: str, at: float) -> None: ...
