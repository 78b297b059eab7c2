"""A journal that was damaged: every reader answers as before, or says that it cannot, and the audit never says whole.

The first byte chooses how. Even: bytes of the file, each further four are where (three) and what to add (one). Odd: a
value of a row, the next two bytes are which record and which column, the rest is the value.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path

import anyio
from click.testing import CliRunner
from msgspec.structs import replace

from comporta.app.context import Context, Interruption
from comporta.app.deployments import opening
from comporta.cli.group import cli
from comporta.cli.screen import Screen
from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.main import Composed
from comporta.model.errors import EXIT_INCIDENT
from comporta.model.journal import Kind
from comporta.model.spec import DriverSpec, EnvironmentSpec
from comporta.strategies import blue_green
from comporta.testing.journal_contract import ANA
from fuzz.scratch import documented, folder
from support.specs import nothing_deployed, release, spec

ENVIRONMENT = "test"
AUDIT = ("audit", "verify")
READERS = (("history",), ("history", "--json"), ("show", "1"), ("show", "2", "--json"))
COLUMNS = ("at", "environment", "deployment", "kind", "step", "actor", "generation", "data", "previous", "hash")

CHOSEN_BY = ("environment", "deployment", "kind")
"""A record in which these were changed is no longer among those that are looked at."""


class _Shop(Composed):
    """The composition root, with a spec in place of a file, and drivers that are looked up once."""

    def context(self, *_: object, **__: object) -> Context:
        journal = SqliteJournal(_path(), redact=lambda text: text)
        return replace(_built(), journal=journal, interruption=Interruption())

    def _spec(self, *_: object) -> EnvironmentSpec:
        return _shop()


@cache
def _built() -> Context:
    return Composed.context(_Shop(), Path("comporta.yml"), ENVIRONMENT, Screen(yes=True, to_stderr=False))


@cache
def _shop() -> EnvironmentSpec:
    runtime = DriverSpec(name="process", options={"command": ["true"]})
    return spec(base=str(folder()), state=str(folder() / "state"), environment=ENVIRONMENT, runtime=runtime)


@cache
def _whole() -> tuple[bytes, dict[tuple[str, ...], str]]:
    """The file of a journal with two deployments, and what its readers say of it."""
    path = _path()
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    anyio.run(_write, path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    said = {words: _say(*words) for words in (AUDIT, *READERS)}
    assert all(code == 0 for code, _ in said.values()), said
    return path.read_bytes(), {words: text for words, (_, text) in said.items()}


async def _write(path: Path) -> None:
    journal = SqliteJournal(path, redact=lambda text: text)
    lease = await journal.acquire(ENVIRONMENT, ANA, at=1_700_000_000.0)
    for number in (1, 2):
        made = release(number)
        plan = blue_green.plan(_shop(), nothing_deployed(), made)
        at = 1_700_000_000.0 + 100 * number
        data = opening(plan, reason="new colours", cursor=None)
        deployment = await journal.open_deployment(at=at, lease=lease, actor="ana", data=data)
        steps = ((Kind.INTENT, 0, {}), (Kind.DONE, 0, {"attempts": 1}))
        for kind, step, facts in (*steps, (Kind.FINISHED, None, {"outcome": "promoted", "cause": "", "lost": 0})):
            await journal.append(
                kind, at=at + 1, environment=ENVIRONMENT, actor="ana", lease=lease, deployment=deployment, step=step,
                data=facts,
            )  # fmt: skip


def run(data: bytes) -> None:
    whole, before = _whole()
    _renew(whole)
    if not data or (not _break_row(data[1:]) if data[0] % 2 else not _break_bytes(whole, data[1:])):
        return
    anyio.run(_ask_directly)
    code, audited = _say(*AUDIT)
    assert code in (0, EXIT_INCIDENT)
    head = before[AUDIT].split()[-1]
    for words in READERS:
        status, said = _say(*words)
        if status == 0 and said != before[words]:
            assert code or head not in audited, f"`{' '.join(words)}` says something else, and the audit says whole"
            assert not data[0] % 2 or COLUMNS[data[2] % len(COLUMNS)] in CHOSEN_BY, f"{words} shows a changed record"


async def _ask_directly() -> None:
    """What figures for Prometheus, and every verb that changes something, ask first."""
    journal = SqliteJournal(_path(), redact=lambda text: text)
    with documented():
        await journal.outlines()
    with documented():
        await journal.lease(ENVIRONMENT)


_numbers = count()
_now = [next(_numbers)]


def _path() -> Path:
    return folder() / "state" / f"journal-{_now[0]}.db"


def _renew(whole: bytes) -> None:
    """A file of its own for each input: what an error holds open must not be met again."""
    for file in _path().parent.glob(f"{_path().name}*"):
        file.unlink()
    _now[0] = next(_numbers)
    _path().write_bytes(whole)


def _break_bytes(whole: bytes, data: bytes) -> bool:
    """Whether anything was changed."""
    broken = bytearray(whole)
    for start in range(0, len(data) - 3, 4):
        place = int.from_bytes(data[start : start + 3], "big") % len(broken)
        broken[place] = (broken[place] + data[start + 3]) % 256
    _path().write_bytes(broken)
    return broken != whole


def _break_row(data: bytes) -> bool:
    if len(data) < 2:
        return False
    record, column, value = data[0] % 8 + 1, COLUMNS[data[1] % len(COLUMNS)], data[2:].decode("utf-8", "replace")
    with closing(sqlite3.connect(_path())) as db, db:
        # The schema is strict, as long as somebody does not say otherwise.
        try:
            db.execute(f"UPDATE records SET {column} = ? WHERE sequence = ?", (value, record))
        except sqlite3.IntegrityError:
            return False
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


def _say(*words: str) -> tuple[int, str]:
    """The exit code of a command and what it printed. What is no error of a command's own is raised."""
    said = CliRunner().invoke(cli, [*words, "-e", ENVIRONMENT, "-c", "comporta.yml"], obj=_Shop())
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    return said.exit_code, said.stdout
