"""What has to be true after a crash and the command that settles it, as seen from outside."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comporta.analysis.blocks import Block
from comporta.app.deployments import deployment_of
from comporta.drivers.journals.sqlite import SqliteJournal
from comporta.drivers.routers.haproxy_control import Control
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.system_clock import SystemClock
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.values import from_json
from matrix.shops import AnyShop
from support.histories import ends, journal_truth, order
from support.users import ask

ASKED = 6
"""New connections: each may come to another worker of the proxy."""
ENDED_WITHIN = 10.0
"""Seconds in which a helper that is not needed any more sees that it is not."""


def orphans(shop: AnyShop, status: Mapping[str, Any]) -> list[str]:
    """Processes and containers that no record names."""
    deadline = time.monotonic() + ENDED_WITHIN
    while (found := shop.strangers(status["slots"])) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def records_of(shop: AnyShop) -> list[Record]:
    """The journal's, oldest first."""
    journal = SqliteJournal(shop.folder / ".comporta" / "journal.db", redact=str)
    return asyncio.run(journal.find(environment="development", kinds=[*Kind]))[::-1]


@dataclass(frozen=True)
class Expected:
    """How it should be in the end.

    Attributes:
        serves: the version that does.
        runs: how many instances of which version do.
        outcome: of the deployment that was killed.
        kills: how often it was.
    """

    serves: str
    runs: Mapping[str, int]
    outcome: Outcome
    kills: int


def wrongs(shop: AnyShop, status: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    """What is not as expected, in words."""
    records = records_of(shop)
    yield from _told(status, expected)
    yield from _routed(shop, records, expected.serves)
    if (running := shop.running()) != expected.runs:
        yield f"{running} run, and should {expected.runs}"
    yield from [*ends(records), *order(records)]
    number = status["latest"]["deployment"]
    yield from _judged([r for r in records if r.kind is Kind.MEASURED and r.deployment == number])
    begun = next(index for index, r in enumerate(records) if r.kind is Kind.OPENED and r.deployment == number)
    if (taken := sum(record.kind is Kind.TAKEN_OVER for record in records[begun:])) != expected.kills:
        yield f"the lease of the dead was taken over {taken} times, after {expected.kills} deaths"
    verified = shop.comporta("audit", "verify", "--json", expect=None)
    if verified.returncode or not json.loads(verified.stdout)["ok"]:
        yield f"the chain of hashes is broken: {verified.stdout}{verified.stderr}"


def _judged(measured: list[Record]) -> Iterator[str]:
    """Of a canary: no traffic is counted twice."""
    blocks = [from_json(record.data["block"], Block) for record in measured if record.data.get("block")]
    ends = [block.end for block in blocks]
    if ends != sorted(set(ends)):
        yield f"traffic was judged twice: blocks end at {ends}"


def _told(status: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    """What comporta itself says."""
    if status["lease"] is not None:
        yield f"the lease is held: {status['lease']}"
    if status["latest"]["outcome"] != expected.outcome or status["interrupted"] is not None:
        yield f"it ended {status['latest']['outcome']}, and should have {expected.outcome}"
    if (status["live"] or {}).get("version") != expected.serves:
        yield f"{status['live']} is live, and {expected.serves} should be"
    if tampered := status["router"].get("tampered"):
        yield f"the router's files were changed: {tampered}"
    if not status["router"]["running"] or status["maintenance"]:
        yield f"the router does not serve: {status['router']}"
    if status["next"]:
        yield f"a person is needed: {status['next']}"
    for name, slot in status["slots"].items():
        states = [instance["state"] for instance in slot.get("instances", ())]
        if slot.get("occupant") and states != ["running"] * slot["occupant"]["instances"]:
            yield f"{name} does not run whole: {states}"


def _routed(shop: AnyShop, records: list[Record], serves: str) -> Iterator[str]:
    """What the proxy has in force, by its own files and answers, against what the journal says."""
    truth = journal_truth(records)
    if truth is None or truth.version != serves:
        yield f"by the journal {truth} serves, and {serves} should"
        return
    wanted = (_slot(records), truth.number)
    for where, found in _in_force(shop):
        if found != wanted:
            yield f"{where} has {found} in force, and the journal {wanted}"
    answered, page = {asyncio.run(ask(f"127.0.0.1:{shop.port}", "localhost"))[0] for _ in range(ASKED)}, _page(shop)
    if answered != {truth.number} or serves not in page:
        yield f"users are answered by release {answered} with {page}, and not by {truth}"


def _slot(records: list[Record]) -> str:
    """Of the deployment that was promoted last."""
    promoted = [r.deployment for r in records if r.data.get("outcome") == Outcome.PROMOTED]
    opened = next(r for r in records if r.kind is Kind.OPENED and r.deployment == promoted[-1])
    return str(deployment_of(opened, None).plan.slot)


def _page(shop: AnyShop) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/", timeout=60) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error)


def _in_force(shop: AnyShop) -> Iterator[tuple[str, tuple[str, int] | None]]:
    """Slot and release that get all requests, as each thing that the proxy goes by says; None: nothing of the kind."""
    home = shop.folder / ".comporta" / "development" / shop.router
    if shop.router == "nginx":
        link = re.fullmatch("(blue|green)-([0-9]+)-[0-9a-f]+", (home / "traffic" / "live").readlink().name)
        yield "nginx's link", (link[1], int(link[2])) if link else None
        return
    map_file = home / "traffic.map"
    existing = shop.existing.external if isinstance(shop.existing, HaproxyOptions) else None
    values = asyncio.run(_looked_up(existing.socket if existing else home / "master.sock", map_file))
    for where, value in [*values, ("HAProxy's map file", map_file.read_text().split()[-1])]:
        yield where, _entry(value)


async def _looked_up(socket: Path, map_file: Path) -> list[tuple[str, str]]:
    """By each worker. One from before a reload may never have heard of comporta."""
    control = Control(socket, lambda: True, SystemClock())
    workers = await control.workers()
    assert workers is not None, "HAProxy does not run"
    values = {worker: await control.value(worker, map_file) for worker in workers.all}
    return [(f"HAProxy's worker {w}", value) for w, value in values.items() if value or w == workers.current]


def _entry(value: str) -> tuple[str, int] | None:
    """Of the map: `<release in blue>|<release in green>|<green's percent>|…`."""
    blue, green, share = [*value.split("|"), "", "", ""][:3]
    whole = {"0": ("blue", blue), "100": ("green", green)}.get(share)
    return (whole[0], int(whole[1])) if whole and whole[1] else None
