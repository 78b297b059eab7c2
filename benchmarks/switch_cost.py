"""What the switch costs each request: the link that nginx resolves, beside a flag file, beside no switch at all.

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
from pathlib import Path

import click
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
from comporta.model.traffic import ReleaseRef, Slot, Topology, Traffic
from comporta.model.values import from_json

SECONDS = 3
CHOICE = re.compile(r" *if \(\$realpath_root.*?}\n", re.DOTALL)
FIXED = "set $comporta_slot blue; set $comporta_release 12;"
FLAG = 'set $comporta_slot green; set $comporta_release 12; if (-f "{}/live") {{ set $comporta_slot blue; }}'


def spec_in(state: Path) -> EnvironmentSpec:
    """The least of an environment that a file can be written for."""
    unused = {"first": 1, "last": 1}
    data = {"service": "shop", "environment": "production", "domain": "shop.example", "state": str(state)}
    data |= {"base": "/", "listen": "", "instances": 1, "blue": unused, "green": unused, "health": {"checks": []}}
    data |= {"runtime": {"name": ""}, "router": {"name": ""}, "smoke": [], "blue_green": {}, "monitoring": ""}
    return from_json(data | {"digest": ""}, EnvironmentSpec)


def variants(spec: EnvironmentSpec, home: Home, listen: str, upstream: str) -> dict[str, str]:
    """The file with each way to choose the slot, by name."""
    topology = Topology(listen=listen, server_name=spec.domain, blue=(upstream,), green=(upstream,))
    text = render(spec, NginxOptions(), home, topology, token="unused", version=()).text
    text = text.replace("worker_processes auto;", "worker_processes 1;")
    return {
        "nothing to choose": CHOICE.sub(FIXED, text),
        "a flag file": CHOICE.sub(FLAG.format(home.switch), text),
        "the link": text,
        "the link by its whole path (external nginx)": text.replace('root "live"', f'root "{home.switch}/live"'),
    }


async def measure(server: Managed, home: Home, text: str, listen: str) -> tuple[float, float]:
    """Requests a second, and microseconds of the worker's CPU for each."""
    await server.install(text)
    await server.apply()
    await asyncio.sleep(1)
    running = master(home)
    assert running is not None
    (pid,) = accepting({child.pid for child in running.children()})
    before = sum(psutil.Process(pid).cpu_times()[:2])
    command = ["wrk", "-t1", "-c50", f"-d{SECONDS}s", f"http://{listen}/"]
    printed = (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout
    found = re.search(r"(\d+) requests in", printed)
    assert found, printed
    assert "Non-2xx" not in printed, printed
    requests = int(found[1])
    return requests / SECONDS, (sum(psutil.Process(pid).cpu_times()[:2]) - before) / requests * 1e6


async def compare(state: Path, upstream: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    spec, home = spec_in(state), Home.of(spec_in(state))
    home.prepare()
    Switch(home.switch).write(Traffic().with_all_to(Slot.BLUE, ReleaseRef(number=12, version="1.2.0")))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    server = Managed(home, SystemClock())
    results = defaultdict(list)
    try:
        for _ in range(rounds):
            for name, text in variants(spec, home, listen, upstream).items():
                results[name].append(await measure(server, home, text, listen))
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
