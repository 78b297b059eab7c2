"""A whole world in memory, on virtual time: operators, router, instances, traffic, and anything that can go wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import TypeVar

import anyio
import trio
from msgspec.structs import replace

from comporta.app.context import Context, Interruption
from comporta.app.running import request_abort
from comporta.engine.events import Moment, StepEvent
from comporta.model.checks import Target
from comporta.model.errors import (
    BackupFailed,
    ComportaError,
    DatabaseUnreachable,
    MigrationFailed,
    RouterError,
    RuntimeFailure,
)
from comporta.model.figures import Counts, Figures
from comporta.model.histogram import Histogram, bucket_of
from comporta.model.journal import Kind, Lease, Record
from comporta.model.migrations import Migration
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Traffic, Weights
from comporta.ports.bundle import Ports
from comporta.ports.metrics import MetricSource
from comporta.testing.fake_journal import FakeJournal
from comporta.testing.fake_load import FakeLoad
from comporta.testing.fake_migrator import FakeDatabase, FakeMigrator
from comporta.testing.fake_probe import FakeProbe
from comporta.testing.fake_router import FakeRouter
from comporta.testing.fake_runtime import FakeRuntime, Seat
from comporta.testing.fake_series import FakeSeries
from comporta.testing.fake_vault import FakeVault
from simulation.processes import CURRENT, Crash, Fault, People, Process, ProcessJournal, SimulatedHost
from simulation.underway import Underway
from simulation.virtual_time import SimulatedClock, at_once
from support import specs

T = TypeVar("T")

REQUESTS_PER_SECOND = 50
TAMPERED = Traffic(weights=Weights(blue=49, green=51))
"""What somebody else makes of the router."""
STILL = ("freeze", "stop")
"""A process stands still: others take it for dead, or see that it is there and gives no sign of life."""
AWAY_FROM_EFFECTS = (Moment.BEFORE_INTENT, Moment.AFTER_INTENT, Moment.AFTER_EFFECT)
"""When a process looks into the journal, or writes there, before it changes anything in the world."""
REFUSED = {"busy": 1.0, "full": inf}
"""How many writes of a process the journal refuses."""
SLOW = 400.0
"""Seconds that a slow verb takes: longer than every timeout of the simulated config."""


@dataclass
class World:
    """Everything there is. `sick` versions never get healthy; `failing` ones answer errors once they get traffic,
    `slow` ones answer late.

    `takes`: version → the seconds of an answer under a load that is put on it on purpose; `bears`: version → the rate
    beyond which it gives none."""

    spec: EnvironmentSpec = field(default_factory=specs.spec)
    sick: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    rate: float = REQUESTS_PER_SECOND
    metrics: MetricSource | None = None
    takes: dict[str, float] = field(default_factory=dict)
    bears: dict[str, float] = field(default_factory=dict)
    migrations: dict[str, tuple[Migration, ...]] = field(default_factory=dict)
    """What each version brings, where there is a database."""
    intolerant: dict[str, set[str]] = field(default_factory=dict)
    """The revisions that a version does not live with."""
    hang: float = SLOW
    """Seconds that a slow verb takes, and a frozen process stands still."""

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.journal = FakeJournal()
        self.series = FakeSeries()
        self.versions = {f"1.{n}.0": f"sha256:{n}" for n in range(6)}
        ranges = {Slot.BLUE: self.spec.blue, Slot.GREEN: self.spec.green}
        self.runtime = FakeRuntime(self.clock, ranges, self.versions, self._opportunity, self._ending)
        self.underway = Underway(self.clock)
        self.router = FakeRouter(
            self.spec.listen,
            alive=self.answers,
            served=self._served,
            in_flight=self.underway.open_to,
            faults=self._opportunity,
        )
        self.probe = FakeProbe(self.clock, self._healthy, faults=self._opportunity)
        self.database = FakeDatabase()
        self.vault = FakeVault(self.database, self._opportunity)
        self.living: set[int] = set()
        self.broken: list[str] = []
        self.tampered = False
        self._untampered = Traffic()
        self.fewest = 1000
        """The smallest number of instances that got requests, of those moments when somebody did."""
        self.unwell = False
        """What all releases share is down: through the router no check passes, though the instances live."""
        self.lost = 0
        """Requests that nobody answered, though nobody but comporta had changed the router."""
        self.struck = False
        """The fault happened: there were that many opportunities."""
        self.stood_still = False
        """A process did."""
        self._process: Process | None = None
        self._proven: dict[Slot, Seat] = {}
        """What was seen to be well in each slot."""
        self._answered: list[Figures] = []
        self._counted_at = self.clock.monotonic()
        self._owed = dict.fromkeys(Slot, 0.0)
        self._next_pid = 1

    # What an operator does

    def context(self, fault: Fault | None = None) -> Context:
        """A new process, with its own view of the journal."""
        host = SimulatedHost(self._next_pid, self.living)
        self._next_pid += 1
        self.living.add(host.pid)
        self._process = Process(ProcessJournal(self.journal, self.clock), host, fault)
        ports = Ports(self.clock, self.runtime, self.router, {"http": self.probe, "command": self.probe}, People())
        ports = replace(ports, metrics=self.metrics, load=FakeLoad(self.clock, self._takes))
        if self.migrations:
            # Whoever is dead holds no lock of the database.
            self.database.lock = anyio.Lock()
            migrator = FakeMigrator(self.database, self.migrations, self._opportunity)
            ports = replace(ports, migrator=migrator, vault=self.vault)
        journal = self._process.journal
        return Context(self.spec, ports, journal, self.series, host, People(), Interruption(), self._moment)

    def run(self, use_case: Callable[[Context], Awaitable[T]], fault: Fault | None = None) -> T:
        """One command in a process of its own. A crash kills the process and comes out as `Crash`."""
        ctx = self.context(fault)
        try:
            return self.clock.run(lambda: self.operate(ctx, use_case), seed=fault)
        finally:
            self.living.discard(ctx.host.me().pid)

    async def operate(self, ctx: Context, use_case: Callable[[Context], Awaitable[T]]) -> T:
        """A command in the process that was made last."""
        CURRENT.set(self._process)
        return await use_case(ctx)

    def wait(self, seconds: float) -> None:
        self._count()
        self.clock.before += seconds

    def repair(self) -> None:
        """A person puts back by hand what somebody else had changed."""
        self.router.tamper(self._untampered)
        self.tampered = False

    # What is seen from outside

    def snapshot(self) -> Snapshot:
        return Snapshot(
            routing=self.router.routing,
            blue=at_once(self.runtime.observe(Slot.BLUE)),
            green=at_once(self.runtime.observe(Slot.GREEN)),
        )

    def leases(self) -> Lease | None:
        return at_once(self.journal.lease(self.spec.environment))

    def answers(self, slot: Slot) -> bool:
        """Some instance of the slot is up, of those that may get requests."""
        return bool(self.pool(slot))

    def pool(self, slot: Slot) -> list[int]:
        """The instances of the slot that are up, of those that may get requests."""
        seat = self.runtime._seat(slot)
        count = self.router.routing.traffic.instances_in(slot)
        return [i for i in seat.running if count is None or i <= count] if seat else []

    def records(self, *kinds: Kind) -> list[Record]:
        return [r for r in self.journal.all if r.kind in kinds]

    # How it goes wrong

    async def _opportunity(self, verb: str, moment: str) -> None:
        if moment == "after":
            self._look(verb)
        elif verb in ("shift", "remove"):
            self._count()
        if (process := self._due()) is not None and not self._needs_no_verb(process):
            await self._strike(process, verb, moment)

    def _moment(self, event: StepEvent) -> None:
        """Between two records: only what needs no verb to go wrong can strike here."""
        process = CURRENT.get()
        if process is None or process.fault is None or process.fault.kind in ("fail", "slow", "restart"):
            return
        if process.fault.kind in STILL and event.moment not in AWAY_FROM_EFFECTS:
            return
        if self._due() is None or self._needs_no_verb(process):
            return
        match process.fault.kind:
            case "foreign":
                self._tamper()
            case "freeze" | "stop":
                self._freeze(process)
            case _:
                self._kill_or_abort(process)

    def _due(self) -> Process | None:
        process = CURRENT.get()
        if process is None or process.fault is None:
            return None
        process.chances += 1
        due = process.chances == process.fault.at + 1
        self.struck = self.struck or due
        return process if due else None

    def _needs_no_verb(self, process: Process) -> bool:
        """Whether the fault is one that befalls what is outside of the process, and did so now."""
        assert process.fault is not None
        match process.fault.kind:
            case "busy" | "full":
                process.journal.refused = REFUSED[process.fault.kind]
            case "down":
                self._proxy_dies()
            case _:
                return False
        return True

    async def _strike(self, process: Process, verb: str, moment: str) -> None:
        assert process.fault is not None
        match process.fault.kind:
            case "foreign" if (verb, moment) == ("shift", "before"):
                pass  # two who write in the same instant: nobody can tell who was first
            case "restart" if verb in ("upgrade", "downgrade"):
                self.database.away = 5
                raise DatabaseUnreachable(f"cannot {verb}: simulated")
            case "fail" if verb in ("upgrade", "downgrade"):
                raise MigrationFailed(f"cannot {verb}: simulated")
            case "fail" if verb in ("keep", "bring-back"):
                raise BackupFailed(f"cannot {verb}: simulated")
            case "fail" if verb in ("shift", "configure", "remove"):
                raise RouterError(f"cannot {verb}: simulated")
            case "fail" if verb != "ask":
                raise RuntimeFailure(f"cannot {verb}: simulated")
            case "slow":
                await self.clock.sleep(self.hang)
            # Between the last look and the act, nobody could notice it.
            case "foreign" if moment == "after" or verb not in ("shift", "remove"):
                self._tamper()
            case "crash" | "abort":
                self._kill_or_abort(process)
                await anyio.sleep(0)

    def _tamper(self) -> None:
        self._count()
        self.tampered, self._untampered = True, self.router.routing.traffic
        self.router.tamper(TAMPERED)

    def _proxy_dies(self) -> None:
        """Nobody answers users until it is started again, and nobody counts them."""
        self._count()
        self.underway.give_up()
        self.router.die()

    def _freeze(self, process: Process) -> None:
        """The process stands still; then it goes on as if nothing had been.

        It does so even where somebody ended it: no worse can happen to whoever took its lease.
        """
        assert process.fault is not None
        self.stood_still = True
        process.journal.frozen_until = self.clock.now() + self.hang
        if process.fault.kind == "freeze":
            self.living.discard(process.host.pid)

    def _kill_or_abort(self, process: Process) -> None:
        assert process.fault is not None
        if process.fault.kind == "crash":
            process.journal.dead = True
            self.living.discard(process.host.pid)
            raise Crash
        opened = self.records(Kind.OPENED)
        if opened and opened[-1].deployment is not None:
            # Another terminal: an append, from a process that does not hold the lease.
            self._append_abort(opened[-1].deployment)

    def _append_abort(self, deployment: int) -> None:
        finished = {r.deployment for r in self.records(Kind.FINISHED)}
        if deployment not in finished:
            trio.lowlevel.spawn_system_task(self._ask_to_abort, deployment)

    async def _ask_to_abort(self, deployment: int) -> None:
        await request_abort(self.other_terminal(), deployment, "asked from elsewhere")

    def other_terminal(self) -> Context:
        ports = Ports(self.clock, self.runtime, self.router, {}, People())
        host = SimulatedHost(0, {0})
        return Context(self.spec, ports, self.journal, self.series, host, People(), Interruption())

    # Traffic, and the invariant that matters most

    def _look(self, verb: str) -> None:
        """After every effect: requests never go to a slot where nobody can answer."""
        self._count()
        weights = self.router.routing.traffic.weights
        routing = self.router.routing
        if weights is None:
            self.underway.give_up()
        if weights is None or not routing.running or routing.maintenance or self.tampered:
            return
        dead = [slot.value for slot in Slot if weights.of(slot) and not self.answers(slot)]
        served = {slot: self.pool(slot) for slot in Slot if weights.of(slot)}
        self.fewest = min(self.fewest, sum(len(pool) for pool in served.values()))
        counts = {slot: routing.traffic.instances_in(slot) for slot in served}
        unproven = [slot.value for slot in served if self._proven.get(slot) is not self.runtime._seat(slot)]
        if verb == "shift" and unproven:
            self.broken.append(f"after {verb}: traffic goes to {unproven}, which nobody has seen to be well")
        lacking = [slot.value for slot, count in counts.items() if count is not None and len(served[slot]) < count]
        if lacking:
            self.broken.append(f"after {verb}: not all of those instances run in {lacking} that are to get requests")
        if dead:
            self.broken.append(f"after {verb}: traffic goes to {dead}, where nothing runs")

    def _ending(self, slot: Slot, index: int) -> None:
        """An instance is stopped on purpose: nobody may be waiting for its answer."""
        routing = self.router.routing
        self._count()
        cut = self.underway.open_at(slot, index)
        if cut and routing.running and not routing.maintenance and not self.tampered:
            self.broken.append(f"{slot}-{index} is stopped with requests in flight")

    def _healthy(self, target: Target) -> bool:
        healthy = self._is_well(target)
        if healthy and target.slot is not None and (seat := self.runtime._seat(target.slot)):
            self._proven[target.slot] = seat
        return healthy

    def _is_well(self, target: Target) -> bool:
        routing = self.router.routing
        slot = target.slot or (routing.traffic.live if routing.running else None)
        seat = self.runtime._seat(slot) if slot else None
        if seat is not None and self.intolerant.get(seat.occupant.release.version, set()) & {*self.database.applied}:
            return False
        if seat is None or seat.occupant.release.version in self.sick or (target.index is None and self.unwell):
            return False
        return target.index in seat.running if target.index else bool(seat.running)

    def _takes(self, target: Target, rate: float) -> float | None:
        seat = self.runtime._seat(target.slot) if target.slot else None
        if seat is None or target.index not in seat.running:
            return None
        version = seat.occupant.release.version
        return self.takes.get(version, 0.05) if rate <= self.bears.get(version, 1e9) else None

    def _served(self) -> list[Figures]:
        self._count()
        return self._answered

    def _count(self) -> None:
        seconds, self._counted_at = self.clock.monotonic() - self._counted_at, self.clock.monotonic()
        traffic = self.router.routing.traffic
        for slot in Slot:
            share = traffic.weights.of(slot) / 100 if traffic.weights and self.router.routing.running else 0
            if share:
                self.underway.sent(slot, self.pool(slot))
            self._owed[slot] += seconds * self.rate * share
            release, requests = traffic.release_in(slot), int(self._owed[slot])
            self._owed[slot] -= requests
            if release is not None and requests > 0:
                counts = self._counts(release.version, requests, alive=self.answers(slot))
                self.lost += 0 if self.tampered or self.router.routing.maintenance else counts.proxy_errors
                at = int(self.clock.now())
                self._answered.append(Figures(at=at, release=release.number, address="", counts=counts))

    def _counts(self, version: str, requests: int, *, alive: bool) -> Counts:
        if not alive:
            return Counts(requests=requests, proxy_errors=requests)
        errors = requests if version in self.failing else 0
        latency = 12.0 if version in self.slow else 0.05
        answered = {bucket_of(latency): requests - errors} if requests > errors else {}
        return Counts(requests=requests, app_errors=errors, latencies=Histogram(counts=answered))

    def kill(self, slot: Slot) -> None:
        """Every instance of the slot dies, and stays dead."""
        self._count()
        seat = self.runtime._seat(slot)
        assert seat is not None
        seat.running.clear()

    def revive(self, slot: Slot) -> None:
        """Every instance of the slot is up again."""
        self._count()
        seat = self.runtime._seat(slot)
        assert seat is not None
        seat.running.update({index: 1_000_000 + index for index in range(1, seat.occupant.instances + 1)})


def together(
    made: World, *late: tuple[float, Callable[[Context], Awaitable[object]]], fault: Fault | None = None
) -> list[object]:
    """Several commands, each by another person, and begun after some seconds: what became of each.

    `fault` happens to the first.
    """
    outcomes: list[object] = [None] * len(late)

    async def operate(place: int, delay: float, use_case: Callable[[Context], Awaitable[object]]) -> None:
        await made.clock.sleep(delay)
        ctx = made.context(None if place else fault)
        try:
            outcomes[place] = await made.operate(ctx, use_case)
        except (ComportaError, Crash) as end:
            outcomes[place] = end

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for place, (delay, use_case) in enumerate(late):
                nursery.start_soon(operate, place, delay, use_case)

    made.clock.run(main, seed=fault)
    made.living.clear()
    return outcomes
