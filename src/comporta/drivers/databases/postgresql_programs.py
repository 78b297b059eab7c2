"""pg_dump and pg_restore as child processes. No credential is ever among their words: the password is in a file.

Their data goes through a pipe, so that they end when we are killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from comporta.model.errors import BackupFailed, MissingTool

DEBIAN = "/usr/lib/postgresql/{major}/bin"
PIPE = 1024 * 1024
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PG")
"""What the names of the variables begin with that a child gets: others may hold secrets."""
LAST_LINES = 5


class Program:
    """A running one. `said` is what it wrote to its standard error."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors

    def ended(self) -> int:
        """Wait for its end. Blocks."""
        return self.process.wait()

    def said(self) -> list[str]:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][:LAST_LINES]

    def failure(self, what: str) -> BackupFailed:
        said = self.said()
        cause = said[0] if said else f"it ended with {self.process.returncode}"
        return BackupFailed(f"{what}: {cause}", details=said[1:])


@contextmanager
def running(
    words: Sequence[str],
    parameters: Mapping[str, str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[Program]:
    """A program that is connected with these parameters, and killed if it still runs when the block ends."""
    with tempfile.TemporaryFile() as errors, _credentials(parameters) as (connection, env):
        process = subprocess.Popen(
            [*words, f"--dbname={connection}"],
            env=env,
            stderr=errors,
            start_new_session=True,
            pipesize=PIPE,
            stdin=stdin,
            stdout=stdout,
        )
        try:
            yield Program(process, errors)
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
            process.wait()


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:
        pass  # what was still in the buffer has no reader any more


@contextmanager
def _credentials(parameters: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The connection in words without a secret, and the variables that name the file with the password."""
    plain = {name: value for name, value in parameters.items() if name not in ("password", "sslpassword")}
    env = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    if (password := parameters.get("password") or env.pop("PGPASSWORD", "")) == "":
        yield make_conninfo("", **plain), env
        return
    with tempfile.NamedTemporaryFile("w", prefix="comporta-") as file:  # only we can read it
        file.write(f"*:*:*:*:{escaped(password)}\n")
        file.flush()
        yield make_conninfo("", **plain), {**env, "PGPASSFILE": file.name}


def escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")


def program(name: str, major: int) -> str:
    """That of the server's own version, where it is installed: others may not understand it.

    Raises:
        MissingTool: there is none.
    """
    own = Path(DEBIAN.format(major=major)) / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        raise MissingTool(f"cannot find {name}", next=f"apt-get install postgresql-client-{major}")
    return found
