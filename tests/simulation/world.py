"""A whole world in memory, on virtual time: operators, router, instances, traffic, and anything that can go wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import anyio
import trio
from trio._core import _run as trio_run
from trio.testing import MockClock

from comporta.app.context import Context, Interruption
from comporta.app.running import request_abort
from comporta.engine.events import StepEvent
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
from comporta.model.histogram import Histogram
from comporta.model.journal import Holder, Kind, Lease, Record
from comporta.model.migrations import Migration
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Traffic, Weights
from comporta.ports.bundle import Ports
from comporta.ports.metrics import MetricSource
from comporta.steps.plan import Plan
from comporta.testing.fake_journal import FakeJournal
from comporta.testing.fake_load import FakeLoad
from comporta.testing.fake_migrator import FakeDatabase, FakeMigrator
from comporta.testing.fake_probe import FakeProbe
from comporta.testing.fake_router import FakeRouter
from comporta.testing.fake_runtime import FakeRuntime
from comporta.testing.fake_series import FakeSeries
from comporta.testing.fake_vault import FakeVault
from support import specs

T = TypeVar("T")

REQUESTS_PER_SECOND = 50
TAMPERED = Traffic(weights=Weights(blue=49, green=51))
"""What somebody else makes of the router."""
SLOW = 400.0
"""Seconds that a slow verb takes: longer than every timeout of the simulated config."""


class Crash(BaseException):
    """The process is gone, as with kill -9: nothing of it runs any more."""


@dataclass(frozen=True)
class Fault:
    """At the `at`-th opportunity (a verb's before or after, or a moment of a step), `kind` happens."""

    kind: str
    at: int


class SimulatedClock:
    """Virtual time that goes on over several runs of the event loop."""

    def __init__(self) -> None:
        self.before = 1_000_000.0
        self.set_by = 0.0
        """How far somebody set the clock, in seconds."""

    def now(self) -> float:
        return self.monotonic() + self.set_by

    def monotonic(self) -> float:
        try:
            return self.before + trio.current_time()
        except RuntimeError:
            return self.before

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class ProcessJournal:
    """The journal as one process sees it: once the process is dead, it writes nothing more."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            return self._nothing
        return getattr(self._journal, name)

    async def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None


class People:
    """Operator and reporter: always says yes, reads nothing."""

    async def confirm(self, question: str) -> bool:
        return True

    async def overrule(self, question: str) -> bool:
        return False

    async def insist(self, question: str) -> bool:
        return True

    def note(self, text: str) -> None: ...
    def verdict(self, verdict: Any, *, share: float, state: str) -> None: ...
    def stage(self, title: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def planned(self, deployment: int, plan: Plan) -> None: ...
    def step_begins(self, index: int, title: str, *, undoing: bool, resumed: bool) -> None: ...
    def step_ends(self, index: int, title: str, *, undoing: bool, facts: dict[str, Any], error: str) -> None: ...


@dataclass
class SimulatedHost:
    """A process with a number; it is dead once it is not among the living."""

    pid: int
    living: set[int]

    def me(self) -> Holder:
        return Holder(host="sim", boot_id="1", pid=self.pid, started=float(self.pid), actor=f"operator-{self.pid}")

    def why_dead(self, holder: Holder) -> str:
        return "" if holder.pid in self.living else f"process {holder.pid} has ended"


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

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.journal = FakeJournal()
        self.series = FakeSeries()
        self.versions = {f"1.{n}.0": f"sha256:{n}" for n in range(6)}
        ranges = {Slot.BLUE: self.spec.blue, Slot.GREEN: self.spec.green}
        self.runtime = FakeRuntime(self.clock, ranges, self.versions, self._opportunity)
        self.router = FakeRouter(self.spec.listen, alive=self.answers, served=self._served, faults=self._opportunity)
        self.probe = FakeProbe(self.clock, self._healthy, faults=self._opportunity)
        self.database = FakeDatabase()
        self.vault = FakeVault(self.database, self._opportunity)
        self.living: set[int] = set()
        self.broken: list[str] = []
        self.tampered = False
        self.fewest = 1000
        """The smallest number of instances that got requests, of those moments when somebody did."""
        self.unwell = False
        """What all releases share is down: through the router no check passes, though the instances live."""
        self._fault: Fault | None = None
        self._chances = 0
        self.struck = False
        """The fault happened: there were that many opportunities."""
        self._process: ProcessJournal | None = None
        self._host: SimulatedHost | None = None
        self._answered: list[Figures] = []
        self._counted_at = self.clock.monotonic()
        self._owed = dict.fromkeys(Slot, 0.0)
        self._next_pid = 1

    # What an operator does

    def context(self) -> Context:
        """A new process, with its own view of the journal."""
        self._host = SimulatedHost(self._next_pid, self.living)
        self._next_pid += 1
        self.living.add(self._host.pid)
        self._process = ProcessJournal(self.journal)
        ports = Ports(self.clock, self.runtime, self.router, {"http": self.probe, "command": self.probe}, People())
        ports = replace(ports, metrics=self.metrics, load=FakeLoad(self.clock, self._takes))
        if self.migrations:
            # Whoever is dead holds no lock of the database.
            self.database.lock = anyio.Lock()
            migrator = FakeMigrator(self.database, self.migrations, self._opportunity)
            ports = replace(ports, migrator=migrator, vault=self.vault)
        return Context(self.spec, ports, self._process, self.series, self._host, People(), Interruption(), self._moment)

    def run(self, use_case: Callable[[Context], Awaitable[T]], fault: Fault | None = None) -> T:
        """One command in a process of its own. A crash kills the process and comes out as `Crash`."""
        ctx = self.context()
        self._fault, self._chances = fault, 0

        async def main() -> T:
            try:
                return await use_case(ctx)
            finally:
                elapsed.append(trio.current_time())

        elapsed: list[float] = []
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True
        trio_run._r.seed(repr(fault))  # who is first among equals: the same in every run of this fault
        try:
            return trio.run(main, clock=MockClock(autojump_threshold=0))
        finally:
            self.clock.before += sum(elapsed)
            self.living.discard(ctx.host.me().pid)
            self._fault = None

    def wait(self, seconds: float) -> None:
        self._count()
        self.clock.before += seconds

    def repair(self, traffic: Traffic) -> None:
        """A person puts back by hand what somebody else had changed."""
        self.router.tamper(traffic)
        self.tampered = False

    # What is seen from outside

    def snapshot(self) -> Snapshot:
        async def look() -> Snapshot:
            return Snapshot(
                routing=await self.router.observe(),
                blue=await self.runtime.observe(Slot.BLUE),
                green=await self.runtime.observe(Slot.GREEN),
            )

        # On virtual time too: by the real clock, every countdown would be over.
        return trio.run(look, clock=MockClock())

    def leases(self) -> Lease | None:
        async def look() -> Lease | None:
            return await self.journal.lease(self.spec.environment)

        return trio.run(look)

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
        if self._due():
            await self._strike(verb, moment)

    def _moment(self, event: StepEvent) -> None:
        """Between two records: only what needs no verb to go wrong can strike here."""
        if self._fault is None or self._fault.kind in ("fail", "slow", "restart") or not self._due():
            return
        if self._fault.kind == "foreign":
            self._tamper()
        else:
            self._kill_or_abort()

    def _due(self) -> bool:
        self._chances += 1
        due = self._fault is not None and self._chances == self._fault.at + 1
        self.struck = self.struck or due
        return due

    async def _strike(self, verb: str, moment: str) -> None:
        assert self._fault is not None
        match self._fault.kind:
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
                await self.clock.sleep(SLOW)
            # Between the last look and the act, nobody could notice it.
            case "foreign" if moment == "after" or verb not in ("shift", "remove"):
                self._tamper()
            case "crash" | "abort":
                self._kill_or_abort()
                await anyio.sleep(0)

    def _tamper(self) -> None:
        self.tampered = True
        self.router.tamper(TAMPERED)

    def _kill_or_abort(self) -> None:
        assert self._fault is not None
        assert self._process is not None
        assert self._host is not None
        if self._fault.kind == "crash":
            self._process.dead = True
            self.living.discard(self._host.pid)
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
        if weights is None or not routing.running or routing.maintenance or self.tampered:
            return
        dead = [slot.value for slot in Slot if weights.of(slot) and not self.answers(slot)]
        served = {slot: self.pool(slot) for slot in Slot if weights.of(slot)}
        self.fewest = min(self.fewest, sum(len(pool) for pool in served.values()))
        counts = {slot: routing.traffic.instances_in(slot) for slot in served}
        lacking = [slot.value for slot, count in counts.items() if count is not None and len(served[slot]) < count]
        if lacking:
            self.broken.append(f"after {verb}: not all of those instances run in {lacking} that are to get requests")
        if dead:
            self.broken.append(f"after {verb}: traffic goes to {dead}, where nothing runs")

    def _healthy(self, target: Target) -> bool:
        slot = target.slot or self.router.routing.traffic.live
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
            share = traffic.weights.of(slot) / 100 if traffic.weights else 0
            self._owed[slot] += seconds * self.rate * share
            release, requests = traffic.release_in(slot), int(self._owed[slot])
            self._owed[slot] -= requests
            if release is not None and requests > 0:
                counts = self._counts(release.version, requests, alive=self.answers(slot))
                at = int(self.clock.now())
                self._answered.append(Figures(at=at, release=release.number, address="", counts=counts))

    def _counts(self, version: str, requests: int, *, alive: bool) -> Counts:
        if not alive:
            return Counts(requests=requests, proxy_errors=requests)
        errors = requests if version in self.failing else 0
        latency = 12.0 if version in self.slow else 0.05
        return Counts(requests=requests, app_errors=errors, latencies=Histogram.of([latency] * (requests - errors)))

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


def together(made: World, *late: tuple[float, Callable[[Context], Awaitable[object]]]) -> list[object]:
    """Several commands, each by another person, and begun after some seconds: what became of each."""
    outcomes: list[object] = [None] * len(late)

    async def operate(place: int, ctx: Context, delay: float, use_case: Callable[[Context], Awaitable[object]]) -> None:
        await trio.sleep(delay)
        try:
            outcomes[place] = await use_case(ctx)
        except ComportaError as error:
            outcomes[place] = error

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            for place, (delay, use_case) in enumerate(late):
                nursery.start_soon(operate, place, made.context(), delay, use_case)
        return trio.current_time()

    made.clock.before += trio.run(main, clock=MockClock(autojump_threshold=0))
    made.living.clear()
    return outcomes
