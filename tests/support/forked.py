"""A Python program, run in a fork of a process that has imported comporta already.

The program and its process are what they are anyhow; only half a second of imports is paid once, and not by each of the
two thousand commands that the tests give.
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import comporta

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        module.name
        for module in pkgutil.walk_packages(comporta.__path__, "comporta.")
        # What is run as a program is not imported before; the demo is no part of the command.
        if not module.name.startswith(("comporta.demo", "comporta.testing", "comporta.main"))
        and not module.name.endswith("__main__")
    ]
)


def python(
    program: Sequence[str], *, cwd: Path, environ: Mapping[str, str] | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run `python PROGRAM…` to its end, without a terminal: a file, or -m and a module, then its arguments.

    Raises:
        subprocess.TimeoutExpired: after so many seconds; it is killed.
    """
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
