"""The nginx that serves our file: one of our own, or one that is there already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio

from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

COMMAND_TIMEOUT = 30.0


class Server(Protocol):
    """`file` is where nginx reads our part."""

    file: Path

    def version(self) -> tuple[int, ...]:
        """Such as (1, 22, 1); empty when it cannot be known."""

    def require_listenable(self, listen: str) -> None:
        """Raises RouterError, naming the holder, if nginx could not listen there."""

    async def install(self, text: str) -> None:
        """Put the text into `file`, durably, if nginx accepts it.

        Raises:
            RouterError: with nginx's own words; the file is what it was.
        """

    async def apply(self) -> None:
        """Let nginx read `file`: reload it, or start it if it is ours and down. It may take effect only later."""

    async def withdraw(self) -> None:
        """Take `file` away, and let nginx forget it (stop it, if it is ours)."""

    async def tend_log(self) -> None:
        """Begin a new access log if the old one has become long, or is gone, and nginx is ours."""

    def log_size(self) -> int:
        """Bytes in the error log, if it can be read."""

    def complaints(self, since: int) -> list[str]:
        """What the error log says, beyond so many bytes, about why the file could not be put in force."""


async def require_success(
    what: str, words: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run nginx without a shell, in a session of its own: Ctrl-C is for comporta, not for nginx.

    Raises:
        RouterError: "cannot `what`": it cannot be run, does not end, or refuses (with its own words).
    """
    try:
        with anyio.fail_after(COMMAND_TIMEOUT):
            done = await anyio.run_process(words, check=False, cwd=cwd, env=env, start_new_session=True)
    except TimeoutError:
        raise RouterError(f"cannot {what}: `{' '.join(words)}` does not end") from None
    except OSError as error:
        raise RouterError(f"cannot {what}: `{' '.join(words)}`: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise RouterError(f"cannot {what}: nginx refuses", details=said)


async def until(condition: Callable[[], Awaitable[bool]], clock: Clock, *, within: float, every: float = 0.01) -> bool:
    """Ask until it holds (True), at most for `within` seconds (False)."""
    deadline = clock.monotonic() + within
    while not await condition():
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(every)
    return True
