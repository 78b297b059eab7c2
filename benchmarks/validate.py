"""Does `comporta validate` find planted regressions, and does it leave honest releases alone?

Run: python benchmarks/validate.py [honest releases, default 20] [runs of each planted one, default 3] [--noise N]

Each run deploys the release before and the one in question, and validates it as a user would. The honest release is a
copy of the one before. Planted are: 1.6 times the latency; 0.7 times the throughput at the same latency; a feature that
fails; a collapse under load. N processes keep the machine busy in bursts meanwhile. "stored" are honest releases and
slow ones once more, compared with the baseline of an earlier validation because the old slot is not kept warm.
Exits with 1 if an honest release failed or a planted one passed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path
from typing import Any

import click

from comporta.load.free_ports import free_ports

SERVICE = '''\
"""Answers after SERIAL seconds in single file, and DELAY more; /feature may be broken."""
import asyncio, sys

SERIAL, DELAY, BROKEN = {serial}, {delay}, {broken}

async def talk(reader, writer):
    try:
        while head := await reader.readuntil(b"\\r\\n\\r\\n"):
            path = head.split(b" ", 2)[1]
            if path == b"/work":
                async with single_file:
                    await asyncio.sleep(SERIAL)
                await asyncio.sleep(DELAY)
            status = b"500 Broken" if BROKEN and path == b"/feature" else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\\r\\nX-App-Version: {version}\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    global single_file
    single_file = asyncio.Lock()
    server = await asyncio.start_server(talk, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()

asyncio.run(main())
'''
CONFIG = """\
service: bench
release: {{process: {{directory: "releases/{{version}}", command: ["{{python}}", app.py, "{{port}}"]}}}}
health: {{timeout: 60s, interval: 100ms, checks: [{{name: api, path: /, timeout: 5s}}]}}
blue_green: {{stabilize: 0s, drain: 5s, keep_warm: {keep_warm}}}
validate:
  health: {{during: 1s}}
  performance: {{during: 16s, path: /work, rate: 25/s, connections: 10}}
  features: {{during: 30s, checks: [{{name: feature, path: /feature, timeout: 5s}}]}}
  load: {{during: 18s, path: /work, to: 50/s, users: true}}
environments:
  development: {{domain: "localhost:{port}", slots: {{blue: {blue}, green: {green}}}}}
"""


@dataclass(frozen=True)
class Release:
    """How a planted release behaves; `phase`: in which phase that must show. Times are in seconds.

    An answer takes 100 ms, and ten connections are bound by `serial` (120 ms for all of them): so a busy machine, which
    adds some milliseconds to each answer but not to the single file, does not make what is planted much smaller.
    """

    serial: float = 0.012
    delay: float = 0.088
    broken: bool = False
    phase: str | None = None


GOOD = Release()
PLANTED = {
    "latency x 1.6": Release(delay=0.148, phase="performance"),
    "throughput x 0.7": Release(serial=0.0172, delay=0.0828, phase="performance"),
    "a broken feature": Release(broken=True, phase="features"),
    "collapse under load": Release(serial=0.04, delay=0.0, phase="load"),
}


@contextmanager
def noise(processes: int) -> Iterator[None]:
    """Bursts of work beside the services, for as long as the block runs."""
    busy = [Process(target=bursts, args=(seed,), daemon=True) for seed in range(processes)]
    for each in busy:
        each.start()
    try:
        yield
    finally:
        for each in busy:
            each.kill()


def bursts(seed: int) -> None:
    chance = random.Random(seed)
    while True:
        until = time.monotonic() + chance.expovariate(2)
        while time.monotonic() < until:
            sum(range(1000))
        time.sleep(chance.expovariate(2))


def comporta(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "comporta.main", *words)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def validated(release: Release, *, stored: bool = False, only: str = "") -> Any:
    """What `comporta validate` says of the release after another, good one."""
    port = free_ports(3)
    keep_warm = "0s" if stored else "1h"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = CONFIG.format(keep_warm=keep_warm, port=port, blue=port + 1, green=port + 2)
        (folder / "comporta.yml").write_text(text)
        for version, each in (("1.0.0", GOOD), ("1.1.0", release)):
            place = folder / "releases" / version
            place.mkdir(parents=True)
            code = SERVICE.format(serial=each.serial, delay=each.delay, broken=each.broken, version=version)
            (place / "app.py").write_text(code)
        phase = ["--phase", only] if only else []
        try:
            for words in (["deploy", "1.0.0"], *([["validate", *phase]] if stored else []), ["deploy", "1.1.0"]):
                done = comporta(folder, *words, *(["--yes"] if words[0] == "deploy" else []))
                assert done.returncode == 0, done.stdout + done.stderr
            return json.loads(comporta(folder, "validate", *phase, "--json").stdout)
        finally:
            comporta(folder, "down", "--yes")


def verdict(found: Any) -> tuple[str | None, str]:
    """The phase that failed, and the ratios of the performance phase."""
    failed = next((phase for phase in found["phases"] if phase.get("error")), None)
    facts = next((phase["facts"] for phase in found["phases"] if "cost" in phase["facts"]), None)
    if facts:
        shown = f"latency x {facts['latency']['estimate']:.2f}, throughput x {1 / facts['cost']['estimate']:.2f}"
    else:
        shown = "; ".join(failed["details"]) if failed else ""
    return (failed["name"] if failed else None), shown


def tried(title: str, release: Release, runs: int, *, stored: bool = False, only: str = "") -> bool:
    """Whether every run ended as it must."""
    right = 0
    for number in range(runs):
        phase, shown = verdict(validated(release, stored=stored, only=only))
        right += phase == release.phase
        click.echo(
            f"{title:28}{number + 1:3}  {'right' if phase == release.phase else 'WRONG'}  {phase or '-':12} {shown}"
        )
    click.echo(f"{title:28}{right} of {runs} right")
    return right == runs


@click.command()
@click.argument("honest", type=click.IntRange(min=0), default=20)
@click.argument("planted", type=click.IntRange(min=0), default=3)
@click.option("--noise", "processes", type=click.IntRange(min=0), default=1, show_default=True)
def main(honest: int, planted: int, processes: int) -> None:
    """Print the table."""
    with noise(processes):
        results = [tried("honest", GOOD, honest)]
        for title, release in PLANTED.items():
            # What collapses under load has less throughput, too: alone, the last phase must see it by itself.
            results.append(tried(title, release, planted, only="load" if release.phase == "load" else ""))
        for title, release in {"honest": GOOD, "latency x 1.6": PLANTED["latency x 1.6"]}.items():
            results.append(tried(f"{title}, stored", release, planted, stored=True, only="performance"))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
