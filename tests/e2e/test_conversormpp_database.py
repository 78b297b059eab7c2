"""ConversorMPP from 1.x to 2.0 and back, with its own migrations on a real PostgreSQL.

All the time, an open loop of users loads pages and converts files of Microsoft Project. What they put into the history
is compared row by row.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from comporta.load import Client, LoadGenerator, Request, Scenario
from conversormpp import samples
from make_release import PACKAGE, make_release
from support.postgresql import Server, postgresql, rows
from support.site import Site, taken_down
from support.workload import REAL_FILES

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
OLD, NEW = "1.2.0", "2.0.0"
CONFIG = """\
service: conversormpp
release:
  process:
    directory: "releases/{{version}}"
    command: ["{{python}}", -m, conversormpp, --port, "{{port}}"]
    env: {{DATA_DIR: ../../data, DATABASE_URL: "{url}"}}
    stop_grace: 25s
health:
  timeout: 100s
  interval: 500ms
  checks:
    - {{name: api, path: /health, expect: {{status: ok}}}}
    - {{name: database, path: /api/health/database, expect: {{status: ok}}}}
    - {{name: queue, path: /api/health/queue, expect: {{status: ok}}, timeout: 15s}}
smoke:
  - {{name: convert, run: ["{{python}}", {smoke}, "{{url}}"], timeout: 60s}}
blue_green: {{stabilize: 2s, drain: 30s, keep_warm: 1h}}
watch: {{window: 0s}}
database:
  url: "{url}"
  migrations: {{sql: {{directory: "releases/{{version}}/migrations"}}}}
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    monitoring: basic
    slots: {{blue: {blue}, green: {green}}}
"""
RATE = 20.0
"""Arrivals a second."""
BOUNDARY = "a-boundary"
FORM = (("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),)
GENERATED = {"plan.xml": samples.mspdi(20), "plan.mpx": samples.mpx(20)}


@dataclass
class Conversormpp(Site):
    """Releases as make_release.py builds them, and the config of a service whose database comporta migrates."""

    url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.add_release(NEW)

    def write_config(self) -> None:
        blue, green = self.port + 1, self.port + 1 + self.instances
        text = CONFIG.format(
            url=self.url.replace("postgresql:", "postgresql+psycopg:"),
            smoke=json.dumps(str(PACKAGE.parent / "smoke.py")),
            port=self.port,
            instances=self.instances,
            blue=f"{blue}-{blue + self.instances - 1}",
            green=f"{green}-{green + self.instances - 1}",
        )
        (self.folder / "comporta.yml").write_text(text)

    def add_release(self, version: str, how: str = "well") -> None:
        make_release(version, self.folder / "releases" / version)

    def history(self) -> dict[str, dict[str, Any]]:
        """What users converted, whole rows by their ids. Nobody writes a row once it is done."""
        found = rows(self.url, "SELECT to_json(c) FROM conversions c WHERE status = 'done' AND NOT probe")
        return {row["id"]: row for (row,) in found}

    def schema(self) -> list[Any]:
        """The columns, and which migrations were applied when."""
        columns = (
            "SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns"
        )
        return [
            sorted(map(repr, rows(self.url, f"{columns} WHERE table_schema = 'public'"))),
            rows(self.url, "SELECT * FROM comporta_migrations ORDER BY position"),
        ]

    async def does(self, *words: str, expect: int = 0) -> str:
        """The command, while users go on; all that it said."""
        done = await asyncio.to_thread(self.comporta, *words, expect=expect)
        return done.stdout + done.stderr

    def types(self, answer: str, *words: str) -> str:
        """The command on a terminal, where a person types the answer to its question; all that it said."""
        terminal, child = pty.openpty()
        process = subprocess.Popen(self.command(*words), cwd=self.folder, stdin=child, stdout=child, stderr=child)
        os.close(child)
        said = b""
        while piece := _read(terminal):
            said += piece
            if said.endswith(b"Type yes: "):
                os.write(terminal, f"{answer}\n".encode())
        os.close(terminal)
        assert process.wait(120) == 0, said.decode()
        return said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # Linux says so where the last one on the other side has ended
        return b""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Iterator[Conversormpp]:
    """1.2.0 serves, on a database that its own migration made."""
    with taken_down(Conversormpp(tmp_path, url=server.database())) as made:
        made.comporta("deploy", OLD, "--yes")
        yield made


def users(port: int) -> LoadGenerator:
    """Pages, the history, previews, and conversions of each file that there is."""
    real = {path.name: path.read_bytes() for path in sorted(REAL_FILES.glob("*.mpp"))}
    files = {**GENERATED, **real}
    preview = _form("plan.xml", GENERATED["plan.xml"])
    return LoadGenerator(
        f"http://127.0.0.1:{port}/",
        rate=RATE,
        fresh=0.2,
        arrivals="poisson",
        timeout=60,
        watch=("X-App-Version",),
        mix=(
            Request("page", weight=0.4),
            Request("history", path="/api/conversions", weight=0.3),
            Request("preview", "POST", "/api/preview", preview, FORM, weight=0.25),
            *(Scenario(name, _conversion(name, content), weight=0.05 / len(files)) for name, content in files.items()),
        ),
    )


def _conversion(name: str, content: bytes) -> Callable[[Client], Awaitable[None]]:
    """Upload the file, wait, download the result, and see that it has the tasks which the history tells."""
    upload = _form(name, content)

    async def convert(client: Client) -> None:
        answer = await client.request("POST", "/api/conversions", body=upload, headers=FORM, expect=(202,))
        url = json.loads(answer.body)["url"]
        while (job := json.loads((await client.request("GET", url)).body))["status"] in ("queued", "running"):
            await asyncio.sleep(0.3)
        assert job["status"] == "done", job
        result = json.loads((await client.request("GET", f"{url}/result")).body)
        assert len(result["tasks"]) == job["tasks"] > 0, job

    return convert


def _form(name: str, content: bytes) -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="format"\r\n\r\njson\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def kept(before: dict[str, Any], after: dict[str, Any], *without: str) -> None:
    """Each row that was there is there, and the same in each column but these."""
    left = {id: _without(after[id], without) for id in before if id in after}
    assert left == {id: _without(row, without) for id, row in before.items()}


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def sized(history: dict[str, Any]) -> set[str]:
    return {id for id, row in history.items() if row["size"]}


async def more(site: Conversormpp, version: str) -> dict[str, dict[str, Any]]:
    """The history, once users have got three more conversions from this release."""
    before = site.history()
    while True:
        now = site.history()
        if len([id for id, row in now.items() if row["release"] == version and id not in before]) >= 3:
            return now
        await asyncio.sleep(0.5)


async def test_from_1_x_to_2_0_and_back_and_back_again_across_the_contract(site: Conversormpp):
    async with users(site.port) as load:
        first = await more(site, OLD)
        await site.does("deploy", NEW, "--yes")
        second = await more(site, NEW)
        kept(first, second, "resources")

        expanded = site.schema()
        await site.does("rollback", "--yes")
        await more(site, OLD)
        assert (site.answers(), site.schema()) == (OLD, expanded)

        await site.does("deploy", NEW, "--yes")
        assert "0003 (drop size)" in await site.does("database", "contract", "--yes")
        third = await more(site, NEW)
        kept(second, third, "size")
        assert not any("size" in row for row in third.values())

        words = ("rollback", "--to", OLD, "--yes")
        refused = await site.does(*words, expect=1)
        assert f"cannot roll back to {OLD} (release 1): the loss of data was not accepted" in refused
        assert (site.answers(), site.history().keys() >= third.keys()) == (NEW, True)
        asked = await asyncio.to_thread(site.types, "yes", *words)
        assert "0003 (drop size), releases/2.0.0/migrations/0003_drop_size.up.sql: what it dropped comes back" in asked
        assert site.answers() == OLD
        last = await more(site, OLD)
        kept(third, last, "size")
        report = await load.stop()
    assert report.failed == []
    assert report.releases().keys() == {OLD, NEW}
    assert {name: ran.broken for name, ran in report.scenarios.items() if ran.broken} == {}
    # A release keeps what it knows: the size of an upload who took it, the resources of a plan who read it.
    contracted = max(row["created"] for row in third.values())
    assert sized(second) == {id for id, row in second.items() if row["release"] == OLD}
    assert sized(last) == {id for id, row in last.items() if row["release"] == OLD and row["created"] > contracted}
    assert {row["resources"] is not None for row in last.values() if row["worker"].endswith(NEW)} == {True}
    backups = site.json("database", "list")["backups"]
    assert [(backup["reason"], backup["revision"]) for backup in backups] == [
        (f"deployment 5: before going back to {OLD}", "0003"),
        ("before contracting it to 0003", "0002"),
        ("deployment 2: before migrating it to 0002", "0001"),
    ]
    assert all(backup["verified_at"] and not backup["damage"] for backup in backups)
