"""How exactly a router splits new clients, and whether returning ones ever see another version.

Run: python benchmarks/split.py [new clients, default 20000]

Every router that is installed is measured through its driver, at 5 % for green, and then raised to 25 %. Even a perfect
draw of 20,000 misses 5 % by more than 0.3 points in one run of twenty; the table shows that error of sampling.
Exits with 1 if a share is further off, a client saw two versions within one weight, or was moved back.
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import click
import msgspec
from switch import Instance, NoSecrets, slots, spec_for

from comporta.drivers.system_clock import SystemClock
from comporta.load.free_ports import free_ports
from comporta.main import router_driver
from comporta.model.spec import DriverSpec, EnvironmentSpec
from comporta.model.traffic import ReleaseRef, Slot, Topology, Traffic, Weights
from comporta.ports.router import Router

SHARE, RAISED = 5, 25
ALLOWED = 0.3
"""Points that a share may be off."""
RETURNING = 2000
VISITS = 3
CONNECTIONS = 20
COOKIE = re.compile(rb"set-cookie: comporta=([^;\r]+)", re.IGNORECASE)
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Result:
    """`seen` is the share of green among new clients, in percent."""

    clients: int
    seen: float
    two_versions: int
    moved_back: int

    @property
    def good(self) -> bool:
        return abs(self.seen - SHARE) <= ALLOWED and not self.two_versions and not self.moved_back


async def visit(address: str, cookies: Sequence[bytes | None]) -> list[tuple[bytes, bytes | None]]:
    """One request with each cookie: the slot that answered, and the client's cookie afterwards."""
    shares = [range(first, len(cookies), CONNECTIONS) for first in range(CONNECTIONS)]
    answers: dict[int, tuple[bytes, bytes | None]] = {}

    async def visitor(numbers: range) -> None:
        reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
        for number in numbers:
            cookie = cookies[number]
            remembered = b"Cookie: comporta=%s\r\n" % cookie if cookie else b""
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + remembered + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length, issued = LENGTH.search(head), COOKIE.search(head)
            assert length, head
            slot = await reader.readexactly(int(length[1]))
            answers[number] = (slot, issued[1] if issued else cookie)
            if b"connection: close" in head.lower():  # nginx closes after so many requests
                writer.close()
                reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
        writer.close()

    await asyncio.gather(*map(visitor, shares))
    return [answers[number] for number in range(len(cookies))]


async def measure(router: Router, clients: int) -> Result:
    await router.shift(traffic(SHARE))
    met = await visit(router.address, [None] * clients)
    seen = 100 * sum(slot == b"green" for slot, _ in met) / clients
    returning = met[:RETURNING]
    two_versions: set[int] = set()
    for _ in range(VISITS):
        two_versions |= await changed(router, returning)
    await router.shift(traffic(RAISED))
    moved = await changed(router, returning)
    return Result(clients, seen, len(two_versions), sum(returning[number][0] == b"green" for number in moved))


async def changed(router: Router, met: Sequence[tuple[bytes, bytes | None]]) -> set[int]:
    """Which of the clients another slot answers than the one they met."""
    now = await visit(router.address, [cookie for _, cookie in met])
    return {number for number, (before, after) in enumerate(zip(met, now, strict=True)) if before[0] != after[0]}


def traffic(share: int) -> Traffic:
    refs = [ReleaseRef(number=number, version=f"{number}.0.0") for number in (1, 2)]
    return Traffic(weights=Weights(blue=100 - share, green=share), blue=refs[0], green=refs[1])


async def through(spec: EnvironmentSpec, instances: Mapping[Slot, Instance], clients: int) -> Result | str:
    """What was measured, or what this machine lacks for it."""
    driver = router_driver(spec)
    options = driver.options.model_validate({})
    missing = [finding.text for finding in driver.diagnose(spec, options) if not finding.ok]
    if missing:
        return missing[0]
    router = driver.build(spec, options, SystemClock(), NoSecrets())
    blue, green = ((f"127.0.0.1:{instances[slot].port}",) for slot in Slot)
    topology = Topology(listen=spec.listen, server_name=spec.domain, blue=blue, green=green, stages=(SHARE, RAISED))
    try:
        await router.configure(topology)
        return await measure(router, clients)
    finally:
        await router.remove()


def row(name: str, result: Result | str) -> str:
    if isinstance(result, str):
        return f"{name:<12}skipped: {result}"
    error = math.sqrt(SHARE * (100 - SHARE) / result.clients)
    return (
        f"{name:<12}{result.clients:>9}{result.seen:>9.2f}{result.seen - SHARE:>+9.2f}{error:>12.2f}"
        f"{result.two_versions:>16}{result.moved_back:>14}"
    )


@click.command()
@click.argument("clients", type=click.IntRange(min=RETURNING), default=20_000)
def main(clients: int) -> None:
    """Print the table."""
    head = f"{'clients':>9}{'green %':>9}{'off':>9}{'sampling ±':>12}{'saw 2 versions':>16}{'moved back':>14}"
    click.echo(f"{f'router, {SHARE} %':<12}{head}")
    good = True
    for name in sorted(entry.name for entry in entry_points(group="comporta.routers")):
        with slots() as instances, tempfile.TemporaryDirectory(prefix="comporta-split-") as folder:
            spec = spec_for(Path(folder), f"127.0.0.1:{free_ports(1)}", instances)
            spec = msgspec.structs.replace(spec, router=DriverSpec(name=name))
            result = asyncio.run(through(spec, instances, clients))
        click.echo(row(name, result))
        good = good and (isinstance(result, str) or result.good)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
