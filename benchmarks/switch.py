"""What a switch costs the users: comporta's way beside the runbook's, under the same loads, in one run.

Run: python benchmarks/switch.py [switches a load, default 50]

The runbook's way: rewrite the file, `nginx -s reload`, stop the old instances when the command returns. comporta's:
shift, wait until nothing is in flight, stop. Both slots are nginx servers that say which one they are.
Needs wrk. Exits with 1 if comporta lost a request, or took longer than 10 ms to cut over.
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import click

from comporta.drivers.system_clock import SystemClock
from comporta.load import LoadGenerator, Relay, Report, Request
from comporta.load.free_ports import free_ports
from comporta.load.report import percentile
from comporta.load.scratch_nginx import ScratchNginx, scratch_nginx
from comporta.main import router_driver
from comporta.model.spec import BlueGreenSpec, CanarySpec, DriverSpec, EnvironmentSpec, HealthSpec, PortRange
from comporta.model.traffic import ReleaseRef, Slot, Topology, Traffic, Weights
from comporta.ports.router import Router

PAUSE = 0.25
"""Seconds between a switch and the stop of the old slot's next use: the loads need time to show what they lost."""
NEAR = 0.1
"""Seconds around a switch that count as near it."""
ON_THE_WAY = 0.05
"""Seconds that a request may be under way on the loopback."""
CUT_OVER_ALLOWED = 0.010
ROUND_TRIP = 0.020


class NoSecrets:
    """Implements the Secrets port for a config that has none."""

    env_file: Mapping[str, str] = {}

    def fill(self, text: str) -> str:
        return text

    def redact(self, text: str) -> str:
        return text


class Instance:
    """An instance of a slot: a real nginx that answers with the slot's name, always on the same port."""

    def __init__(self, slot: Slot, port: int) -> None:
        self.port = port
        self._server = f"location / {{ add_header X-App-Version {slot}; return 200 {slot}; }}"
        self.start()

    def start(self) -> None:
        self._running = ExitStack()
        self._running.enter_context(scratch_nginx(self._server, port=self.port))

    def stop(self) -> None:
        self._running.close()


class Way(Protocol):
    """A way to send the traffic elsewhere. `switch` returns when the old slot may be stopped."""

    name: str

    @property
    def url(self) -> str: ...

    async def switch(self, to: Slot) -> None: ...


class Comporta:
    """The shipped router driver, with its own nginx."""

    name = "comporta"

    def __init__(self, router: Router) -> None:
        self._router = router
        self.url = f"http://{router.address}"

    async def switch(self, to: Slot) -> None:
        refs = {slot: ReleaseRef(number=number, version=slot) for number, slot in enumerate(Slot, start=1)}
        await self._router.shift(Traffic(weights=Weights.all_to(to), blue=refs[Slot.BLUE], green=refs[Slot.GREEN]))
        quiet = 0
        while quiet < 2:
            await asyncio.sleep(0.05)
            quiet = quiet + 1 if await self._router.in_flight(to.other) == 0 else 0


class Runbook:
    """The runbook's script: a file with the active upstream, rewritten, and a reload."""

    name = "runbook"
    server = 'location / { proxy_pass http://active; proxy_http_version 1.1; proxy_set_header Connection ""; }'

    def __init__(self, nginx: ScratchNginx, ports: Mapping[Slot, int]) -> None:
        self._nginx = nginx
        self._ports = ports
        self.url = nginx.url

    async def switch(self, to: Slot) -> None:
        self._nginx.rewrite(self.server, self.upstream(self._ports[to]))
        reload = await asyncio.create_subprocess_exec(*self._nginx.command, "-s", "reload")
        await reload.wait()

    @staticmethod
    def upstream(port: int) -> str:
        return f"upstream active {{ server 127.0.0.1:{port}; keepalive 64; }}"


@dataclass
class Row:
    """What a load saw of some switches; times in seconds."""

    way: str
    load: str
    switches: int
    requests: int
    failed: int
    cut_overs: list[float] = field(default_factory=list)
    near: float | None = None
    quiet: float | None = None

    def text(self) -> str:
        cut = near = added = "-"
        if self.cut_overs:
            cut = f"{percentile(self.cut_overs, 50) * 1000:.2f} ({max(self.cut_overs) * 1000:.2f})"
        if self.near is not None and self.quiet is not None and not math.isnan(self.near):
            near, added = f"{self.near * 1000:.2f}", f"{(self.near - self.quiet) * 1000:+.2f}"
        return (
            f"{self.way:10}{self.load:34}{self.switches:>9}{self.requests:>10}{self.failed:>8}"
            f"{cut:>20}{near:>9}{added:>8}"
        )


HEAD = (
    f"{'way':10}{'load':34}{'switches':>9}{'requests':>10}{'failed':>8}"
    f"{'cut-over ms (max)':>20}{'p99 ms':>9}{'added':>8}"
)


async def switch_often(way: Way, instances: Mapping[Slot, Instance], count: int) -> list[tuple[float, Slot]]:
    """Switch back and forth, stopping the old slot each time; when, and from which slot."""
    moments = []
    slot = Slot.BLUE
    for _ in range(count):
        await asyncio.sleep(PAUSE)
        moments.append((time.monotonic(), slot))
        await way.switch(slot.other)
        instances[slot].stop()
        await asyncio.sleep(PAUSE)
        await asyncio.to_thread(instances[slot].start)
        slot = slot.other
    await asyncio.sleep(PAUSE)
    if slot is Slot.GREEN:
        await way.switch(Slot.BLUE)
    return moments


async def under_wrk(way: Way, instances: Mapping[Slot, Instance], count: int) -> Row:
    """A closed loop on 50 kept connections, as fast as it goes."""
    wrk = await asyncio.create_subprocess_exec(
        *["wrk", "-t1", "-c50", "-d600s", way.url], stdout=asyncio.subprocess.PIPE
    )
    await switch_often(way, instances, count)
    wrk.send_signal(2)
    printed = (await wrk.communicate())[0].decode()
    errors = [int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", printed)]
    refused = [int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", printed)]
    (requests,) = (int(n) for n in re.findall(r"(\d+) requests in", printed))
    return Row(way.name, "wrk, 50 kept connections", count, requests, sum(errors) + sum(refused))


async def under_open_loop(
    way: Way, instances: Mapping[Slot, Instance], count: int, *, name: str, rate: float, request: Request, rtt: float
) -> Row:
    """The open loop on kept connections, with a round trip where asked."""
    async with Relay("127.0.0.1", int(way.url.rpartition(":")[2]), rtt=rtt) as relay:
        url = f"http://127.0.0.1:{relay.port}" if rtt else way.url
        async with LoadGenerator(url, rate=rate, mix=[request], watch=("X-App-Version",)) as load:
            moments = await switch_often(way, instances, count)
            report = await load.stop()
    near, quiet = split(report, [at for at, _ in moments])
    return Row(
        way.name, name, count, len(report.samples), len(report.failed), cut_overs(report, moments, rtt), near, quiet
    )


def cut_overs(report: Report, moments: list[tuple[float, Slot]], rtt: float) -> list[float]:
    """For each switch, seconds until the last request was sent that the old slot still answered.

    What is sent shortly before the next switch may arrive after it, and is that one's.
    """
    ends = [at - rtt - ON_THE_WAY for at, _ in moments[1:]] + [report.end]
    return [report.between(at - 1, end).cut_over(at, old) for (at, old), end in zip(moments, ends, strict=True)]


def split(report: Report, moments: list[float]) -> tuple[float, float]:
    """The 99th percentile of the latency near the switches, and away from them."""
    near, quiet = [], []
    for sample in report.answered:
        is_near = any(at <= sample.intended < at + NEAR for at in moments)
        (near if is_near else quiet).append(sample.latency)
    return percentile(near, 99), percentile(quiet, 99)


async def measure(way: Way, instances: Mapping[Slot, Instance], count: int) -> list[Row]:
    rows = [await under_wrk(way, instances, count)]
    click.echo(rows[-1].text())
    post = Request("post", "POST", "/", b"x" * 1000)
    loads: list[tuple[str, float, Request, float]] = [
        ("open loop, POST, 400/s, 20 ms away", 400, post, ROUND_TRIP),
        ("open loop, GET, 1000/s", 1000, Request("get"), 0),
    ]
    for name, rate, request, rtt in loads:
        row = await under_open_loop(way, instances, count, name=name, rate=rate, request=request, rtt=rtt)
        rows.append(row)
        click.echo(row.text())
    return rows


@contextmanager
def slots() -> Iterator[dict[Slot, Instance]]:
    first = free_ports(len(Slot))
    made = {slot: Instance(slot, first + n) for n, slot in enumerate(Slot)}
    try:
        yield made
    finally:
        for instance in made.values():
            instance.stop()


def spec_for(folder: Path, listen: str, instances: Mapping[Slot, Instance]) -> EnvironmentSpec:
    blue, green = (PortRange(first=instances[s].port, last=instances[s].port) for s in Slot)
    return EnvironmentSpec(
        service="bench",
        environment="bench",
        base=str(folder),
        state=str(folder / "state"),
        domain="localhost",
        listen=listen,
        instances=1,
        blue=blue,
        green=green,
        runtime=DriverSpec(name="process"),
        router=DriverSpec(name="nginx"),
        health=HealthSpec(checks=()),
        smoke=(),
        blue_green=BlueGreenSpec(),
        canary=CanarySpec(),
        monitoring="enabled",
        digest="",
    )


async def run(count: int) -> int:
    click.echo(f"{HEAD}\n{'-' * len(HEAD)}")
    with slots() as instances:
        ours = await run_comporta(instances, count)
        await run_runbook(instances, count)
    click.echo(
        "cut-over: from the call to the last request that the old slot answered; added: p99 near switches - away"
    )
    lost = sum(row.failed for row in ours)
    slowest = max(max(row.cut_overs, default=0.0) for row in ours)
    return 1 if lost or slowest > CUT_OVER_ALLOWED else 0


async def run_runbook(instances: Mapping[Slot, Instance], count: int) -> None:
    ports = {slot: instances[slot].port for slot in Slot}
    with scratch_nginx(Runbook.server, Runbook.upstream(ports[Slot.BLUE])) as nginx:
        await measure(Runbook(nginx, ports), instances, count)


async def run_comporta(instances: Mapping[Slot, Instance], count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="comporta-switch-") as name:
        return await run_router(spec_for(Path(name), f"127.0.0.1:{free_ports(1)}", instances), instances, count)


async def run_router(spec: EnvironmentSpec, instances: Mapping[Slot, Instance], count: int) -> list[Row]:
    driver = router_driver(spec)
    router = driver.build(spec, driver.options.model_validate({}), SystemClock(), NoSecrets())
    blue, green = ((f"127.0.0.1:{instances[s].port}",) for s in Slot)
    await router.configure(Topology(listen=spec.listen, server_name=spec.domain, blue=blue, green=green))
    way = Comporta(router)
    try:
        await way.switch(Slot.BLUE)
        return await measure(way, instances, count)
    finally:
        await router.remove()


@click.command()
@click.argument("switches", type=click.IntRange(min=1), default=50)
def main(switches: int) -> None:
    """Print the table."""
    sys.exit(asyncio.run(run(switches)))


if __name__ == "__main__":
    main()
