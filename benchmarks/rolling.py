"""What rolling deployments cost the users: the real command, three instances, an open loop of requests all the time.

Run: python benchmarks/rolling.py [deployments, default 20] [--router nginx|haproxy] [--pause 1s]

Good releases follow one another; then one more with the default pause, for its duration; then a bad one, which answers
everything but its health check with 500. Exits with 1 if a request failed that the bad release did not answer itself,
if three instances took longer than three minutes, or if the bad release was not reversed at its first instance.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from comporta.load import LoadGenerator, Report, Request
from comporta.load.free_ports import free_ports

INSTANCES = 3
RATE = 100
ALLOWED = 180.0
"""Seconds that three instances may take."""
MIX = (Request("get", "GET", "/"), Request("post", "POST", "/", b"x" * 1000))
BAD = "bad"

SERVICE = """\
import signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(500 if {bad} and self.path != "/health" else 200)
        self.send_header("X-App-Version", "{version}")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    do_POST = do_GET
    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.02)
"""

CONFIG = """\
service: shop
release:
  process: {{directory: "releases/{{version}}", command: ["{{python}}", app.py, "{{port}}"], stop_grace: 5s}}
health: {{interval: 100ms, checks: [{{name: api, path: /health}}]}}
rolling: {{pause: {pause}}}
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    router: {router}
    keep_failed: 0s
    slots: {{blue: {blue}-{blue_last}, green: {green}-{green_last}}}
"""


@dataclass
class Site:
    folder: Path
    router: str

    def __post_init__(self) -> None:
        self.port = free_ports(1 + 2 * INSTANCES)

    def configure(self, pause: str) -> None:
        blue, green = self.port + 1, self.port + 1 + INSTANCES
        values = {"pause": pause, "port": self.port, "instances": INSTANCES, "router": self.router}
        lasts = {"blue": blue, "blue_last": green - 1, "green": green, "green_last": green + INSTANCES - 1}
        (self.folder / "comporta.yml").write_text(CONFIG.format(**values, **lasts))

    def release(self, version: str) -> None:
        place = self.folder / "releases" / version
        place.mkdir(parents=True)
        (place / "app.py").write_text(SERVICE.format(version=version, bad=version == BAD))

    async def comporta(self, *words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "comporta.main", *words]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    async def roll(self, version: str) -> tuple[int, float]:
        """Exit code and duration of a rolling deployment."""
        self.release(version)
        began = time.monotonic()
        code, printed = await self.comporta("deploy", version, "--strategy", "rolling", "--yes")
        if code and version != BAD:
            raise click.ClickException(printed)
        return code, time.monotonic() - began

    async def added(self) -> int:
        """How many batches after the first the newest deployment began."""
        _, listed = await self.comporta("history", "-n", "1", "--json")
        _, shown = await self.comporta("show", str(json.loads(listed)[0]["deployment"]))
        return shown.count("add instances")


def load(site: Site) -> LoadGenerator:
    url = f"http://127.0.0.1:{site.port}"
    return LoadGenerator(url, rate=RATE, mix=MIX, connections=20, fresh=0.1, timeout=30, watch=("X-App-Version",))


def line(what: str, report: Report, seconds: list[float]) -> str:
    spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
    slowest = report.latency(99) * 1000
    return f"{what:38}{len(seconds):>12}{spread:>16}{len(report.samples):>10}{len(report.failed):>8}{slowest:>9.1f}"


async def good(site: Site, what: str, versions: list[str], pause: str) -> tuple[int, float]:
    """Requests that failed, and the longest deployment."""
    site.configure(pause)
    async with load(site) as generator:
        seconds = [(await site.roll(version))[1] for version in versions]
        report = await generator.stop()
    click.echo(line(what, report, seconds))
    for kind, failure in report.failures.items():
        moments = ", ".join(f"{sample.started - report.begin:.1f} s" for sample in failure.examples)
        click.echo(f"  {failure.count} {kind}, such as after {moments}: {failure.examples[0].detail}")
    return len(report.failed), max(seconds)


async def bad(site: Site) -> bool:
    """Whether the release was reversed at its first instance, and nobody but those it answered lost anything."""
    site.configure("10s")
    async with load(site) as generator:
        code, seconds = await site.roll(BAD)
        report = await generator.stop()
    click.echo(line("a bad release", report, [seconds]))
    own = [sample for sample in report.failed if sample.release == BAD]
    first, last = min(s.started for s in own), max(s.finished for s in own)
    others = len(report.failed) - len(own)
    click.echo(f"  it answered {len(own)} requests with 500, within {last - first:.1f} s; {others} others failed")
    return code == 1 and others == 0 and await site.added() == 0


async def run(count: int, router: str, pause: str) -> int:
    head: Any = ("deployments", "seconds", "requests", "failed", "p99 ms")
    click.echo(f"{router:38}{head[0]:>12}{head[1]:>16}{head[2]:>10}{head[3]:>8}{head[4]:>9}")
    with tempfile.TemporaryDirectory(prefix="comporta-rolling-") as name:
        site = Site(Path(name), router)
        site.configure(pause)
        try:
            await site.roll("0")
            lost, _ = await good(site, f"pause {pause}", [str(number + 1) for number in range(count)], pause)
            also_lost, seconds = await good(site, "pause 10s (default)", ["default"], "10s")
            reversed_ = await bad(site)
        finally:
            await site.comporta("down", "--yes")
    return 0 if not lost + also_lost and seconds <= ALLOWED and reversed_ else 1


@click.command()
@click.argument("deployments", type=click.IntRange(min=1), default=20)
@click.option("--router", type=click.Choice(["nginx", "haproxy"]), default="nginx")
@click.option("--pause", default="1s")
def main(deployments: int, router: str, pause: str) -> None:
    """Print the table."""
    sys.exit(asyncio.run(run(deployments, router, pause)))


if __name__ == "__main__":
    main()
