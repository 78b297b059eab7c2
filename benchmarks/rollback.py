"""How long a bad release still answers after `comporta rollback --yes` is typed, beside the runbook's figures.

Run: python benchmarks/rollback.py [runs of each, default 3]

Each run starts the command as a user would, and counts from there: Python's own start is in it. Meanwhile 1,000 GET a
second arrive on kept connections, and 100 POST a second from 20 ms away. "warm": the old slot is up; "canary": the
release has a share of the users; "cold": it is to be started again, and takes a second for that; "dead": every instance
was killed, and what counts is when users first get the maintenance page. Beside them, under the same load, how long an
empty Python takes: what nobody can save, and how busy the machine is.
Exits with 1 if a request failed, a warm rollback or an aborted canary took a second, or the page did.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from comporta.load import LoadGenerator, Relay, Report, Request, Sample
from comporta.load.free_ports import free_ports

OLD, BAD = "1.0.0", "1.1.0"
OWN_START = 1.0
"""Seconds that the service takes to start."""
ALLOWED = 1.0
INSTANCES = 2
RUNBOOK = {"warm": "< 2 min", "canary": "< 5 min", "cold": "< 3 min", "dead": "immediate"}
"""What the runbook names for blue-green, canary, rolling and emergency."""

SERVICE = '''\
"""Answers every request with its version."""
import asyncio, sys, time

time.sleep(START)
ANSWER = b"HTTP/1.1 200 OK\\r\\nX-App-Version: VERSION\\r\\nContent-Length: 2\\r\\n\\r\\nok"

class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\\r\\n\\r\\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\\r\\n\\r\\n")
            lines = [line.partition(b":") for line in head.lower().split(b"\\r\\n")]
            length = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()

asyncio.run(main())
'''.replace("START", str(OWN_START))

CONFIG = """\
service: bench
release: {{process: {{directory: "releases/{{version}}", command: ["{{python}}", app.py, "{{port}}"]}}}}
health: {{timeout: 30s, interval: 50ms, checks: [{{name: api, path: /}}]}}
blue_green: {{stabilize: 0s, drain: 5s, keep_warm: {keep_warm}}}
canary: {{start: 20%, stages: [100%], watch: 10m, bake: 5m}}
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    router: {router}
    slots: {{blue: {blue}, green: {green}}}
"""


@dataclass(frozen=True)
class Site:
    """A folder with a config, releases and free ports."""

    folder: Path
    router: str
    port: int

    @classmethod
    def made(cls, folder: Path, router: str) -> Site:
        for version in (OLD, BAD):
            place = folder / "releases" / version
            place.mkdir(parents=True)
            (place / "app.py").write_text(SERVICE.replace("VERSION", version))
        return cls(folder, router, free_ports(1 + 2 * INSTANCES))

    def configure(self, keep_warm: str) -> None:
        blue, green = self.port + 1, self.port + 1 + INSTANCES
        text = CONFIG.format(
            keep_warm=keep_warm,
            port=self.port,
            instances=INSTANCES,
            router=self.router,
            blue=f"{blue}-{blue + INSTANCES - 1}",
            green=f"{green}-{green + INSTANCES - 1}",
        )
        (self.folder / "comporta.yml").write_text(text)

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "comporta.main", *words],
            cwd=self.folder,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def comporta(self, *words: str) -> None:
        running = await self.start(*words)
        printed, _ = await running.communicate()
        if running.returncode:
            raise click.ClickException(f"comporta {' '.join(words)}: exit {running.returncode}\n{printed.decode()}")

    async def serving(self, keep_warm: str, *versions: str) -> None:
        """From nothing, these versions one after the other."""
        self.configure(keep_warm)
        await self.comporta("down", "--yes")
        for version in versions:
            await self.comporta("deploy", version, "--yes")

    def kill_instances(self) -> None:
        """All of them at once, and first those who would start them again."""
        for word in ("supervisord", "app.py"):
            for process in psutil.process_iter(["cmdline", "cwd"]):
                words, cwd = process.info["cmdline"] or [], process.info["cwd"] or ""
                if str(self.folder) in " ".join([cwd, *words]) and any(word in each for each in words):
                    process.kill()


@dataclass(frozen=True)
class Row:
    """Seconds from the start of the command; `failed` requests, where the service was up."""

    scenario: str
    router: str
    seconds: float
    serves: float
    python: float
    requests: int
    failed: int

    @property
    def good(self) -> bool:
        return not self.failed and (self.scenario == "cold" or self.seconds < ALLOWED)

    def text(self) -> str:
        runbook = RUNBOOK[self.scenario]
        return (
            f"{self.scenario:10}{self.router:10}{self.seconds:>14.2f}{self.serves:>14.2f}{self.python:>10.2f}"
            f"{self.requests:>10}{self.failed:>8}   {runbook}"
        )


HEAD = (
    f"{'rollback':10}{'router':10}{'last bad s':>14}{'old serves s':>14}{'python s':>10}"
    f"{'requests':>10}{'failed':>8}   runbook"
)


@asynccontextmanager
async def load(port: int) -> AsyncIterator[Callable[[], Awaitable[list[Report]]]]:
    """Both loads; what it gives stops them."""
    watch = ("X-App-Version", "Retry-After")
    get, post = Request("get"), Request("post", "POST", "/", b"x" * 1000)
    async with (
        Relay("127.0.0.1", port, rtt=0.020) as relay,
        LoadGenerator(f"http://127.0.0.1:{port}", rate=1000, mix=[get], watch=watch) as near,
        LoadGenerator(f"http://127.0.0.1:{relay.port}", rate=100, mix=[post], watch=watch) as far,
    ):

        async def stop() -> list[Report]:
            return [await near.stop(), await far.stop()]

        yield stop


async def measured(site: Site, scenario: str, *words: str) -> Row:
    """The command under load, with a moment before and after it."""
    async with load(site.port) as stop:
        await asyncio.sleep(1.0)
        python = await empty_python()
        begun = time.monotonic()
        await site.comporta("rollback", "--yes", *words)
        await asyncio.sleep(0.5)
        samples = [sample for report in await stop() for sample in report.samples]
    after = [sample for sample in samples if sample.finished > begun]
    dead = scenario == "dead"
    shown = [s.finished for s in after if "Retry-After" in s.headers]
    bad = [s.finished for s in after if answered(s) == BAD]
    old = [s.finished for s in after if answered(s) == OLD]
    return Row(
        scenario=scenario,
        router=site.router,
        seconds=min(shown) - begun if dead else max(bad, default=begun) - begun,
        serves=min(old) - begun,
        python=python,
        requests=len(samples),
        failed=0 if dead else sum(sample.error is not None for sample in samples),
    )


async def empty_python() -> float:
    """Seconds from its start to its end."""
    begun = time.monotonic()
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")).wait()
    return time.monotonic() - begun


def answered(sample: Sample) -> str | None:
    return sample.headers.get("X-App-Version")


async def warm(site: Site) -> Row:
    await site.serving("1h", OLD, BAD)
    return await measured(site, "warm")


async def canary(site: Site) -> Row:
    await site.serving("1h", OLD)
    running = await site.start("deploy", BAD, "--yes", "--strategy", "canary")
    await asyncio.sleep(OWN_START + 4)
    row = await measured(site, "canary")
    await running.communicate()
    return row


async def cold(site: Site) -> Row:
    await site.serving("0s", OLD, BAD)
    return await measured(site, "cold")


async def dead(site: Site) -> Row:
    await site.serving("0s", OLD, BAD)
    site.kill_instances()
    return await measured(site, "dead", "--emergency")


async def run(runs: int) -> int:
    click.echo(f"{HEAD}\n{'-' * (len(HEAD) + 4)}")
    rows = []
    for router in [name for name in ("nginx", "haproxy") if shutil.which(name)]:
        with tempfile.TemporaryDirectory(prefix="comporta-rollback-") as folder:
            site = Site.made(Path(folder), router)
            try:
                for scenario in (warm, canary, cold, dead):
                    for _ in range(runs):
                        rows.append(await scenario(site))
                        click.echo(rows[-1].text())
            finally:
                await site.comporta("down", "--yes")
    click.echo(
        "last bad: the last answer by the bad release (dead: the first maintenance page), from the command's start"
    )
    return 0 if all(row.good for row in rows) else 1


@click.command()
@click.argument("runs", type=click.IntRange(min=1), default=3)
def main(runs: int) -> None:
    """Print the table."""
    sys.exit(asyncio.run(run(runs)))


if __name__ == "__main__":
    main()
