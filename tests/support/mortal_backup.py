"""The real `comporta` command, killed at its first act, again at its second, and so on: mortal_backup.py WORDS…

Acts are what it tells that it does, every file that it renames or removes, every program that it starts, and every
database of PostgreSQL that it creates, renames or drops. Each run is a process of its own, a fork of this one, which
has loaded everything once. After a kill the act is printed, and a line is waited for. The last run comes through.
"""

import os
import pkgutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from comporta.app.context import Context, Front
from comporta.cli import database
from comporta.cli.group import cli
from comporta.main import Composed
from comporta.ports.operator import Operator

HEARD = ("os.rename", "os.remove", "subprocess.Popen")
LOADED = (
    "app.backups",
    "cli.screen",
    "config.assembling",
    "config.loading",
    "drivers.backups.opening",
    "drivers.databases.postgresql",
    "drivers.databases.sqlite",
    "drivers.journals.sqlite",
    "drivers.routers.nginx",
    "drivers.runtimes.process",
)


class Mortal(Composed):
    def __init__(self, last: int, told: int) -> None:
        super().__init__()
        self._last = last
        self._told = told
        self._done = 0

    def context(self, config: Path | None, environment: str, screen: Front, *, starts: bool = False) -> Context:
        ctx = super().context(config, environment, screen, starts=starts)
        operator: Any = Telling(ctx.ports.operator, self)
        return replace(ctx, ports=replace(ctx.ports, operator=operator))

    def act(self, what: str) -> None:
        self._done += 1
        if self._done == self._last:
            os.write(self._told, what.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in HEARD and not str(args[0]).endswith(".pyc"):
            self.act(event)


class Telling:
    """An Operator whose notes are acts."""

    def __init__(self, operator: Operator, mortal: Mortal) -> None:
        self._operator = operator
        self._mortal = mortal

    def note(self, text: str) -> None:
        self._mortal.act(text)
        self._operator.note(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operator, name)


def listen(mortal: Mortal) -> None:
    """In this process, which ends soon."""
    execute = psycopg.AsyncConnection.execute

    async def executed(connection: Any, query: Any, *words: Any, **options: Any) -> Any:
        text = query.as_string(connection) if isinstance(query, sql.Composable) else str(query)
        if " DATABASE " in text and text.startswith(("CREATE", "ALTER", "DROP")):
            mortal.act(text)
        return await execute(connection, query, *words, **options)

    psycopg.AsyncConnection.execute = executed  # type: ignore[method-assign,assignment]
    sys.addaudithook(mortal.hear)


def main() -> None:
    for name in LOADED:
        import_module(f"comporta.{name}")
    for module in pkgutil.iter_modules(database.__path__, "comporta.cli.database."):
        import_module(module.name)
    last = 1
    while struck := killed_at(last):
        sys.stdout.write(f"{struck}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        last += 1


def killed_at(last: int) -> str:
    """The act that it died at; empty if it came through."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(2, 1)
        mortal = Mortal(last, writing)
        listen(mortal)
        cli(obj=mortal)
    os.close(writing)
    with os.fdopen(reading) as told:
        struck = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != (-signal.SIGKILL if struck else 0):
        sys.exit(f"it ended with {code}")
    return struck


main()
