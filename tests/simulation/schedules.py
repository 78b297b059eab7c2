"""Schedules: what operators do, what goes wrong and when, all drawn from one seed. The same seed is the same history.

A schedule is a world (instances, countdowns, traffic, versions that are no good) and some acts in it: deployments of
every strategy, rollbacks, several operators at once, a watch beside them, taking everything down. In most acts one
thing goes wrong, at a moment that is drawn too. What a crash left behind is settled, and that may crash as well. In the
end all come to rest, and what is then not as promised is a failure.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
import msgspec

from comporta.app.context import Context
from comporta.app.deploy import Strategy, deploy
from comporta.app.down import down
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort, resume
from comporta.app.steering import go_on, pause, promote
from comporta.app.watching import watch
from comporta.model.errors import LeaseLost
from comporta.model.journal import Kind, Outcome
from comporta.model.migrations import Migration, Script
from comporta.model.spec import BlueGreenSpec, CanarySpec, EnvironmentSpec, RollingSpec, Trigger, WatchSpec
from comporta.strategies import blue_green, canary, emergency, rolling
from simulation.invariants import violations
from simulation.operating import Operating
from simulation.virtual_time import Everlasting
from simulation.world import STILL, Crash, Fault, World, together
from support import specs

HANG = 40.0
"""Seconds that a slow verb takes here: longer than every timeout below."""
VERSIONS = [f"1.{n}.0" for n in range(6)]
STRATEGIES: dict[str, Strategy] = {
    "blue-green": lambda *given: blue_green.plan(*given),
    "canary": canary.plan,
    "rolling": rolling.plan,
    "emergency": emergency.plan,
}
KINDS = (*4 * ("crash",), *3 * ("abort",), *2 * ("fail",), "slow", "foreign", "busy", "full", "down")
MOMENTS = 60
"""About as many as there are in a deployment. Early ones are drawn more often: each deployment has them."""
WATCHED = 30.0
UseCase = Callable[[Context], Awaitable[object]]


@dataclass(frozen=True)
class Played:
    """What became of a schedule.

    Attributes:
        failure: what was not as promised; empty if all was.
        story: what happened, in order.
        deployments: how many there were.
        digest: of the whole journal.
    """

    seed: int
    failure: str
    story: tuple[str, ...]
    deployments: int
    digest: str


def play(seed: int) -> Played:
    """Play the schedule of this seed."""
    schedule = Schedule(seed)
    failure = ""
    try:
        schedule.play()
    except (Exception, Everlasting, BaseExceptionGroup) as error:
        failure = "".join(traceback.format_exception(error)).strip()
    records = schedule.world.journal.all
    opened = sum(record.kind is Kind.OPENED for record in records)
    return Played(seed, failure, tuple(schedule.story), opened, records[-1].hash if records else "")


class Schedule(Operating):
    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.story: list[str] = []
        self.begin(self._world())

    def _world(self) -> World:
        draw = self.draw
        bad = draw.sample(VERSIONS, draw.choice((0, 1, 1, 2)))
        sick = set(bad[: draw.randint(0, len(bad))])
        migrations = MIGRATIONS if draw.random() < 0.5 else {}
        rate = draw.choice((50.0, 200.0))
        return World(_spec(draw), sick, set(bad) - sick, rate=rate, migrations=migrations, hang=HANG)

    def tell(self, what: str) -> None:
        self.story.append(f"{self.world.clock.now() - 1_000_000:9.2f}  {what}")

    def play(self) -> None:
        acts = [self._deploy, self._deploy, self._deploy, self._roll_back, self._several, self._frozen, self._seldom]
        for act in [self._deploy, *self.draw.choices(acts, k=self.draw.randint(2, 4))]:
            act()
            self._settle()
            self._bring_back()
        self._rest()

    # Acts

    def _deploy(self) -> None:
        version, (name, plan) = self.draw.choice(VERSIONS), self.draw.choice([*STRATEGIES.items()])
        fault = self._fault()
        self.tell(f"deploy {version} ({name}), {_told(fault)}")
        self._command(lambda ctx: deploy(ctx, version, plan), fault)

    def _roll_back(self) -> None:
        to = self.draw.choice((None, None, self.draw.choice(VERSIONS)))
        urgent, fault = self.draw.random() < 0.3, self._fault()
        self.tell(f"roll back to {to or 'what was good'}{', urgently' * urgent}, {_told(fault)}")
        self._command(lambda ctx: rollback(ctx, to=to, emergency=urgent), fault)

    def _several(self) -> None:
        """Another operator comes while the first is at it, or after; perhaps a third."""
        self._together(None, *(self._other() for _ in range(self.draw.randint(1, 2))))

    def _frozen(self) -> None:
        """The first stands still so long that others settle its deployment; then it goes on."""
        settle = self.draw.choice((resume, _abort, rollback))
        # Who only resumes does not want anybody to stop.
        kind = "freeze" if settle is resume else self.draw.choice(STILL)
        fault = Fault(kind, self.draw.randrange(MOMENTS // 2))
        self._together(fault, (self.draw.uniform(1.0, HANG / 2), settle.__name__, settle))

    def _together(self, fault: Fault | None, *others: tuple[float, str, UseCase]) -> None:
        version, (name, plan) = self.draw.choice(VERSIONS), self.draw.choice([*STRATEGIES.items()])
        told = ", ".join(f"after {delay:.2f} s {what}" for delay, what, _ in others)
        self.tell(f"deploy {version} ({name}), {_told(fault)}; {told}")
        late = [(delay, act) for delay, _, act in others]
        outcomes = together(self.world, (0.0, lambda ctx: deploy(ctx, version, plan)), *late, fault=fault)
        for outcome in outcomes:
            self.tell(f"… {_ended(outcome)}")
            assert fault is not None or not isinstance(outcome, LeaseLost), "a living holder lost its lease"
        self.cut_off = self.unfinished()

    def _other(self) -> tuple[float, str, UseCase]:
        version, (name, plan) = self.draw.choice(VERSIONS), self.draw.choice([*STRATEGIES.items()])
        acts: list[tuple[str, UseCase]] = [
            (f"deploy {version} ({name})", lambda ctx: deploy(ctx, version, plan)),
            ("roll back", rollback),
            ("abort", _abort),
            ("promote", promote),
            ("pause and go on", _pause),
            ("watch", _watch),
        ]
        what, act = self.draw.choice(acts)
        return self.draw.choice((0.0, self.draw.uniform(0, 1), self.draw.uniform(0, 20))), what, act

    def _seldom(self) -> None:
        act = self.draw.choice((self._turn_bad, self._time_passes, self._an_instance_dies, self._take_down))
        act()

    def _turn_bad(self) -> None:
        """What serves turns bad under the eyes of the watch: it is taken back by itself."""
        live = self.world.snapshot().live
        if live is not None and live.occupant is not None:
            version = live.occupant.release.version
            self.tell(f"{version} turns bad, and is watched")
            self.world.failing.add(version)
            self._command(_watch, None)

    def _time_passes(self) -> None:
        seconds = self.draw.choice((1.0, 61.0, 7200.0))
        self.tell(f"{seconds:g} s pass")
        self.world.wait(seconds)

    def _an_instance_dies(self) -> None:
        live = self.world.router.routing.traffic.live
        if live is not None:
            self.tell(f"an instance of {live.other} dies, which serves nobody")
            self.world.runtime.kill(live.other, 1)

    def _take_down(self) -> None:
        if self.world.router.routing.running:
            fault = self.draw.choice((None, Fault("crash", self.draw.randrange(12))))
            self.tell(f"take it down, {_told(fault)}")
            if self.act(down, fault) is None:
                self.act(down, None)

    # How it goes on

    def _fault(self) -> Fault | None:
        if self.draw.random() < 0.25:
            return None
        return Fault(self.draw.choice(KINDS), int(MOMENTS * self.draw.random() ** 1.5))

    def _command(self, use_case: UseCase, fault: Fault | None) -> None:
        ended = self.act(use_case, fault)
        assert not isinstance(ended, Ended) or self.world.leases() is None, "the lease was not given back"
        self._require_reason_for_incident(ended, fault)

    def _require_reason_for_incident(self, ended: object, fault: Fault | None) -> None:
        harmless = fault is None or fault.kind in ("crash", "abort", "busy", "down")
        if isinstance(ended, Ended) and harmless and not (self.world.sick or self.world.failing):
            assert ended.deployment.outcome is not Outcome.INCIDENT, ended.deployment.cause

    def _settle(self) -> None:
        """Whoever comes next settles what was interrupted; the first ones may be interrupted as well."""
        for tries in range(4):
            if not self.cut_off:
                return
            fault = self._fault() if tries < 2 else None
            settle = self.draw.choice((resume, resume, _abort, rollback)) if tries < 3 else resume
            self.tell(f"{settle.__name__}, {_told(fault)}")
            self._command(settle, fault)
        assert not self.cut_off, "it cannot be settled"

    def _bring_back(self) -> None:
        """A proxy that died when all was done is started by the next deployment, as `comporta status` says."""
        routing = self.world.router.routing
        live = routing.traffic.release_in(routing.traffic.live) if routing.traffic.live else None
        if live is not None and not routing.running:
            version = live.version
            self.tell(f"deploy {version}, as the router is down")
            self._command(lambda ctx: deploy(ctx, version, STRATEGIES["blue-green"]), None)
            assert self.world.router.routing.running, "the router is down still"

    def _rest(self) -> None:
        assert not (found := violations(self.world)), "\n".join(found)


def _spec(draw: random.Random) -> EnvironmentSpec:
    keep_warm, keep_failed = draw.choice((0.0, 60.0, 3600.0)), draw.choice((0.0, 60.0))
    return specs.spec(
        instances=draw.randint(1, 3),
        keep_failed=keep_failed,
        smoke=draw.choice((specs.SPEC.smoke, ())),
        health=msgspec.structs.replace(specs.SPEC.health, timeout=6.0),
        blue_green=BlueGreenSpec(stabilize=2.0, drain=4.0, final_timeout=3.0, keep_warm=keep_warm),
        canary=CANARY,
        rolling=RollingSpec(batch=draw.randint(1, 2), max_unavailable=draw.randint(0, 1), pause=2.0),
        watch=WatchSpec(triggers=(Trigger(measure="errors", limit=0.15, seconds=10.0),)),
    )


CANARY = CanarySpec(
    start=20, stages=(50, 100), watch=20.0, hold=6.0, min_hold=1.0, bake=4.0, warm_up=0.0, on_inconclusive="abort",
    error_margin=0.05, latency_margin=0.2,
)  # fmt: skip


def _migration(number: int) -> Migration:
    script = Script(sql=f"CREATE TABLE t{number} (id bigint);")
    return Migration(revision=f"{number:04}", title="", file=f"{number:04}.up.sql", scripts=(script,), reversible=True)


MIGRATIONS = {version: tuple(_migration(n) for n in range(1, place + 2)) for place, version in enumerate(VERSIONS)}
"""Each version brings one more than the one before."""


async def _abort(ctx: Context) -> object:
    return await abort(ctx, None)


async def _pause(ctx: Context) -> object:
    found = await pause(ctx)
    await ctx.ports.clock.sleep(5.0)
    await go_on(ctx)
    return found


async def _watch(ctx: Context) -> None:
    with anyio.move_on_after(WATCHED):
        await watch(ctx, lambda seen: None)


def _told(fault: Fault | None) -> str:
    return f"{fault.kind} at {fault.at}" if fault else "nothing goes wrong"


def _ended(outcome: Any) -> str:
    if isinstance(outcome, Ended):
        return f"{outcome.deployment.outcome}: {outcome.deployment.cause}"
    return "crashed" if isinstance(outcome, Crash) else f"{type(outcome).__name__}: {outcome}"
