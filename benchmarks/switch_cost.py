"""What the switch costs each request: the link that nginx resolves, beside a flag file, beside no switch at all.

And what stages cost while traffic is not split, and while it is, for clients that are new and for those that return.

Run: python benchmarks/switch_cost.py [rounds, default 5]

All are the router's own file but for the lines that choose the slot, in front of the same upstream, with one worker.
wrk saturates it; the variants take turns, so that a noisy machine is noisy for all of them.
"""

import asyncio
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
import psutil

from comporta.drivers.routers.nginx_file import render
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.routers.nginx_process import Managed, master
from comporta.drivers.routers.nginx_switch import Switch
from comporta.drivers.routers.nginx_workers import accepting
from comporta.drivers.system_clock import SystemClock
from comporta.load.scratch_nginx import scratch_nginx
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import ReleaseRef, Slot, Topology, Traffic, Weights
from comporta.model.values import from_json

SECONDS = 3
CHOICE = re.compile(r" *if \(\$realpath_root.*?}\n", re.DOTALL)
STAGES = (5, 10, 25, 50, 75)
FIRST, SECOND = ReleaseRef(number=12, version="1.2.0"), ReleaseRef(number=13, version="1.3.0")
WHOLE = Traffic().with_all_to(Slot.BLUE, FIRST)
SPLIT = Traffic(weights=Weights(blue=75, green=25), blue=FIRST, green=SECOND)
FIXED = "set $comporta_slot blue; set $comporta_release 12;"
FLAG = 'set $comporta_slot green; set $comporta_release 12; if (-f "{}/live") {{ set $comporta_slot blue; }}'


def spec_in(state: Path) -> EnvironmentSpec:
    """The least of an environment that a file can be written for."""
    unused = {"first": 1, "last": 1}
    data = {"service": "shop", "environment": "production", "domain": "shop.example", "state": str(state)}
    data |= {"base": "/", "listen": "", "instances": 1, "blue": unused, "green": unused, "health": {"checks": []}}
    data |= {"runtime": {"name": ""}, "router": {"name": ""}, "smoke": [], "blue_green": {}, "monitoring": ""}
    return from_json(data | {"digest": ""}, EnvironmentSpec)


@dataclass(frozen=True)
class Variant:
    """A file, and the traffic and the requests it is measured with."""

    text: str
    traffic: Traffic = WHOLE
    headers: tuple[str, ...] = ()


def variants(spec: EnvironmentSpec, home: Home, listen: str, upstream: str) -> dict[str, Variant]:
    """The file with each way to choose the slot, by name."""
    topology = Topology(listen=listen, server_name=spec.domain, blue=(upstream,), green=(upstream,))
    text, staged = (
        render(spec, NginxOptions(), home, each, token="unused", version=()).text.replace(
            "worker_processes auto;", "worker_processes 1;"
        )
        for each in (topology, msgspec.structs.replace(topology, stages=STAGES))
    )
    return {
        "nothing to choose": Variant(CHOICE.sub(FIXED, text)),
        "a flag file": Variant(CHOICE.sub(FLAG.format(home.switch), text)),
        "the link": Variant(text),
        "the link by its whole path (external nginx)": Variant(
            text.replace('root "live"', f'root "{home.switch}/live"')
        ),
        "the link, with stages": Variant(staged),
        "split at a stage, new clients": Variant(staged, SPLIT),
        "split at a stage, returning clients": Variant(staged, SPLIT, ("-H", f"Cookie: comporta={'5' * 32}")),
    }


async def measure(server: Managed, home: Home, variant: Variant, listen: str) -> tuple[float, float]:
    """Requests a second, and microseconds of the worker's CPU for each."""
    Switch(home.switch).write(variant.traffic)
    await server.install(variant.text)
    await server.apply()
    await asyncio.sleep(1)
    running = master(home)
    assert running is not None
    (pid,) = accepting({child.pid for child in running.children()})
    before = sum(psutil.Process(pid).cpu_times()[:2])
    command = ["wrk", "-t1", "-c50", f"-d{SECONDS}s", *variant.headers, f"http://{listen}/"]
    printed = (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout
    found = re.search(r"(\d+) requests in", printed)
    assert found, printed
    assert "Non-2xx" not in printed, printed
    requests = int(found[1])
    return requests / SECONDS, (sum(psutil.Process(pid).cpu_times()[:2]) - before) / requests * 1e6


async def compare(state: Path, upstream: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    spec, home = spec_in(state), Home.of(spec_in(state))
    home.prepare()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    server = Managed(home, SystemClock())
    results = defaultdict(list)
    try:
        for _ in range(rounds):
            for name, variant in variants(spec, home, listen, upstream).items():
                results[name].append(await measure(server, home, variant, listen))
    finally:
        await server.withdraw()
    return results


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder, scratch_nginx("location / { return 200 hello; }") as backend:
        state = Path(folder) / "srv" / "shop" / ".comporta"
        results = asyncio.run(compare(state, f"127.0.0.1:{backend.port}", rounds))
    click.echo(f"{'medians':<44}{'req/s':>10}{'CPU µs/request':>16}")
    for name, measured in results.items():
        rate, cpu = (statistics.median(column) for column in zip(*measured, strict=True))
        click.echo(f"{name:<44}{rate:>10.0f}{cpu:>16.1f}")


if __name__ == "__main__":
    main()
