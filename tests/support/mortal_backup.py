"""The real `comporta` command, except that it kills itself at its N-th act: mortal_backup.py N FILE WORDS…

Acts are what it tells that it does, and every file that it renames or removes and program that it starts. Each is noted
in FILE, so that with N = 0 all of them can be counted.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from comporta.app.context import Context, Front
from comporta.cli.group import cli
from comporta.main import Composed
from comporta.ports.operator import Operator

last, record = int(sys.argv.pop(1)), Path(sys.argv.pop(1))
ACTS = ("os.rename", "os.remove", "subprocess.Popen")
done = 0


def act(what: str) -> None:
    global done
    done += 1
    with record.open("a") as file:
        file.write(f"{what}\n")
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)


class Telling:
    """An Operator whose notes are acts."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def note(self, text: str) -> None:
        act(text)
        self._operator.note(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operator, name)


class Mortal(Composed):
    def context(self, config: Path | None, environment: str, screen: Front, *, starts: bool = False) -> Context:
        ctx = super().context(config, environment, screen, starts=starts)
        operator: Any = Telling(ctx.ports.operator)
        return replace(ctx, ports=replace(ctx.ports, operator=operator))


def hear(event: str, args: tuple[Any, ...]) -> None:
    if event in ACTS and not str(args[0]).endswith(".pyc"):
        act(event)


sys.addaudithook(hear)
cli(obj=Mortal())
