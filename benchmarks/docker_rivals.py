"""Containers change versions under load, in three ways: comporta, a script as in the runbook, and Docker Swarm.

Run: python benchmarks/docker_rivals.py [--rate 20] [--seconds-after 20]     (about ten minutes)

The same images of the example service (scripts/docker_images.sh makes their base), the same number of instances and
the same open loop of requests, one way after the other in one run. Each deploys a good release, then one that never
gets healthy, then one that is healthy and answers one preview in eight with an error. All have the same patience: for
health, for a look after the switch, and for requests in flight. The script's sleeps are a third of the runbook's.

Prints a table in Markdown. What it made goes away at its end, also after Ctrl-C. A machine that is in a swarm already
is left alone.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass

import click
from docker_ways import (
    ERRORS,
    EXAMPLE,
    FIRST,
    GOOD,
    INSTANCES,
    NEVER_HEALTHY,
    Comporta,
    Script,
    Stage,
    Swarm,
    Way,
    docker,
    healthy,
    prepared,
)

from comporta.load import LoadGenerator, Report, Request

HEADER = "X-App-Version"
BOUNDARY = "comporta-rivals"
FORM = (("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),)


@dataclass
class Measured:
    """One deployment under load. `seconds`: until the command had ended; `report` goes on for a while after it."""

    began: float
    seconds: float
    report: Report
    serving: str
    version: str

    @property
    def met(self) -> float:
        """Seconds from the first to the last answer of the new version."""
        times = [sample.finished for sample in self.report.samples if sample.release == self.version]
        return max(times) - min(times) if times else 0.0

    @property
    def back(self) -> str:
        """How long after the beginning of the deployment the release before served everybody again."""
        if self.serving == self.version:
            return "never: it still serves"
        times = [sample.finished for sample in self.report.samples if sample.release == self.version]
        return f"{max(times) - self.began:.1f} s" if times else "nobody met it"


async def measure(way: Way, version: str, rate: float, after: float) -> Measured:
    """A deployment under load, and `after` seconds more of it."""
    url = f"http://127.0.0.1:{way.stage.port}"
    async with users(url, rate) as load:
        await asyncio.sleep(3)
        began = time.monotonic()
        await way.deploy(version)
        seconds = time.monotonic() - began
        await asyncio.sleep(after)
        report = await load.stop()
    found = Measured(began, seconds, report, await served(url), version)
    if version == GOOD and found.serving != version:
        raise click.ClickException(f"{way.name} did not bring {version} up: {way.said}")
    for kind, failure in report.failures.items():
        first = failure.examples[0]
        click.echo(f"    {failure.count} {kind}: {first.kind}, {first.status or first.detail}", err=True)
    return found


def users(url: str, rate: float) -> LoadGenerator:
    """Pages and previews, on kept and on new connections."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="plan.xml"\r\n\r\n'.encode()
    body = head + plan() + f"\r\n--{BOUNDARY}--\r\n".encode()
    mix = (Request("page", path="/", weight=0.2), Request("preview", "POST", "/api/preview", body, FORM, weight=0.8))
    return LoadGenerator(url, rate=rate, mix=mix, fresh=0.2, timeout=30, watch=(HEADER,))


async def own_start(stage: Stage) -> float:
    """Seconds from `docker run` until all new instances pass their health checks, without anything else: the median."""
    places = [(f"{stage.service}-alone-{n}", stage.port + 1 + n) for n in range(INSTANCES)]
    took = []
    for _ in range(3):
        began = time.monotonic()
        await asyncio.gather(*(docker(*stage.run(*at, GOOD)) for at in places))
        if not await healthy([port for _, port in places], stage.gateway, every=0.1):
            raise click.ClickException("the instances do not get healthy")
        took.append(time.monotonic() - began)
        await docker("rm", "-fv", *(name for name, _ in places))
    return statistics.median(took)


async def served(url: str) -> str:
    """The version that answers a user."""

    def ask() -> str:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.headers[HEADER])
        except OSError as error:
            return f"nothing ({error})"

    return await asyncio.to_thread(ask)


# The table


async def play(way: Way, rate: float, after: float) -> list[Measured]:
    click.echo(f"{way.name}: {FIRST} first", err=True)
    async with way.up():
        await way.deploy(FIRST)
        if not await healthy([way.stage.port], "127.0.0.1"):
            raise click.ClickException(f"{way.name} did not bring {FIRST} up")
        found = []
        for version in (GOOD, NEVER_HEALTHY, ERRORS):
            click.echo(f"  {version} under load", err=True)
            found.append(await measure(way, version, rate, after))
        return found


def table(ways: list[Way], found: list[list[Measured]], alone: float) -> str:
    good, sick, wrong = zip(*found, strict=True)
    rows = [
        ("", [way.name for way in ways]),
        ("---", ["---"] * len(ways)),
        ("a good release: seconds", [f"{one.seconds:.1f}" for one in good]),
        (f"… beyond its instances' own start ({alone:.1f} s)", [f"{one.seconds - alone:.1f}" for one in good]),
        ("… failed requests", [lost(one) for one in good]),
        ("never healthy: settled after", [f"{one.seconds:.1f} s" for one in sick]),
        ("… users back on the release before", [one.back for one in sick]),
        ("… failed requests", [lost(one) for one in sick]),
        ("… serves at the end", [one.serving for one in sick]),
        ("healthy, but errors: settled after", [f"{one.seconds:.1f} s" for one in wrong]),
        ("… users back on the release before", [one.back for one in wrong]),
        ("… users met it for", [f"{one.met:.1f} s" for one in wrong]),
        ("… failed requests", [lost(one) for one in wrong]),
        ("… serves at the end", [one.serving for one in wrong]),
    ]
    return "\n".join(f"| {' | '.join([head, *cells])} |" for head, cells in rows)


def lost(one: Measured) -> str:
    return f"{len(one.report.failed)} of {len(one.report.samples)}"


def plan() -> bytes:
    sys.path.insert(0, str(EXAMPLE))
    from conversormpp.samples import mspdi

    return mspdi(20)


async def run(rate: float, after: float) -> None:
    with prepared() as stage:
        alone = await own_start(stage)
        ways = [Comporta(stage), Script(stage), Swarm(stage)]
        click.echo(table(ways, [await play(way, rate, after) for way in ways], alone))


@click.command()
@click.option("--rate", type=click.FloatRange(min=1), default=20.0, show_default=True, help="Requests a second.")
@click.option("--seconds-after", type=float, default=20.0, show_default=True, help="Of load after each deployment.")
def main(rate: float, seconds_after: float) -> None:
    """Print the table."""
    asyncio.run(run(rate, seconds_after))


if __name__ == "__main__":
    main()
