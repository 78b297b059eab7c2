"""A Python program, run in a fork of a process that has imported comporta already.

The program and its process are what they are anyhow; only half a second of imports, and of making the config's models,
is paid once, and not by each of the two thousand commands that the tests give.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["support.warm", "support.forked"])
TESTS = Path(__file__).parent.parent


def python(
    program: Sequence[str], *, cwd: Path, environ: Mapping[str, str] | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run `python PROGRAM…` to its end, without a terminal: a file, or -m and a module, then its arguments.

    Raises:
        subprocess.TimeoutExpired: after so many seconds; it is killed.
    """
    # By this alone, the process that is forked finds what it is to import.
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    with patch.dict(os.environ, PYTHONPATH=path):
        multiprocessing.forkserver.ensure_running()
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        places = tuple(f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (stdout, stderr))
        process = _context.Process(target=_become, args=(program, cwd, dict(environ or os.environ), places))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([*program], timeout)
        printed = []
        for file in (stdout, stderr):
            file.seek(0)
            printed.append(file.read())
    return subprocess.CompletedProcess([sys.executable, *program], process.exitcode, *printed)


def _become(program: Sequence[str], cwd: Path, environ: Mapping[str, str], places: tuple[str, str]) -> None:
    for number, place in enumerate(places, start=1):
        os.dup2(os.open(place, os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    if program[0] == "-m":
        sys.argv = [program[1], *program[2:]]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [*program]
        runpy.run_path(program[0], run_name="__main__")
