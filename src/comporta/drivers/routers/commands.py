"""Finding and running a proxy's program, without a shell."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import anyio
from pydantic import Field

from comporta.model.errors import MissingTool, RouterError

Command = Annotated[tuple[str, ...], Field(min_length=1)]
"""A program and its words; it is run without a shell."""

COMMAND_TIMEOUT = 30.0
ELSEWHERE = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin:/opt/homebrew/bin"
"""Where a proxy is when it is not in the PATH of everybody."""
INSTALL = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "apk": "sudo apk add",
    "pacman": "sudo pacman -S",
    "brew": "brew install",
}


def executable(program: str) -> str:
    """The path of a program. Raises MissingTool, with the command that installs it here."""
    found = shutil.which(program) or shutil.which(program, path=ELSEWHERE)
    if found:
        return found
    install = next((command for tool, command in INSTALL.items() if shutil.which(tool)), "install")
    raise MissingTool(f"cannot route traffic: {program} is not installed", next=f"{install} {program}")


async def require_success(
    what: str, words: Sequence[str], *, program: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command in a session of its own: Ctrl-C is for comporta, not for the proxy.

    Raises:
        RouterError: "cannot `what`": it cannot be run, does not end, or the program refuses (with its own words).
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
        raise RouterError(f"cannot {what}: {program} refuses", details=said)
