"""The real engine, steps, strategies and use cases in a simulated world, with faults at every place.

Each rule is one command of an operator, in which one thing may go wrong. After each, the invariants of the design hold.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from comporta.app.deploy import AlreadyLive, Interrupted, Strategy, deploy
from comporta.app.down import down
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort, resume
from comporta.model.errors import LeaseHeld
from comporta.model.journal import Kind, Outcome
from comporta.model.spec import BlueGreenSpec, CanarySpec
from comporta.model.traffic import Slot
from comporta.strategies import blue_green, canary, emergency, rolling
from simulation.operating import Operating, assert_as_before
from simulation.virtual_time import at_once
from simulation.world import Crash, Fault, World, together
from support import specs

faults = st.one_of(
    st.none(),
    st.builds(Fault, st.sampled_from(["crash", "crash", "fail", "slow", "abort", "foreign"]), st.integers(0, 60)),
)
plans = st.sampled_from([blue_green.plan, canary.plan, emergency.plan, rolling.plan])
CANARY = CanarySpec(
    start=20, stages=(50, 100), watch=40.0, hold=20.0, min_hold=2.0, bake=10.0, warm_up=0.0, on_inconclusive="abort",
    error_margin=0.05, latency_margin=0.2,
)  # fmt: skip
versions = st.sampled_from([f"1.{n}.0" for n in range(6)])


class Deployments(Operating, RuleBasedStateMachine):
    def tell(self, what: str) -> None:
        note(what)

    @initialize(
        keep_warm=st.sampled_from([0.0, 60.0, 3600.0]),
        keep_failed=st.sampled_from([0.0, 60.0, 3600.0]),
        instances=st.integers(1, 3),
        sick=st.sets(versions, max_size=2),
        failing=st.sets(versions, max_size=2),
    )
    def a_world(self, keep_warm: float, keep_failed: float, instances: int, sick: set[str], failing: set[str]) -> None:
        waits = BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=keep_warm)
        spec = specs.spec(blue_green=waits, canary=CANARY, instances=instances, keep_failed=keep_failed)
        self.begin(World(spec, sick, failing))

    @precondition(lambda self: not self.cut_off)
    @rule(version=versions, plan=plans, fault=faults)
    def deploy(self, version: str, plan: Strategy, fault: Fault | None) -> None:
        live = self.world.snapshot().live
        compared = plan is canary.plan and live is not None and live.occupant is not None
        ended = self.act(lambda ctx: deploy(ctx, version, plan), fault)
        if compared and live.occupant.release.version in self.world.failing:
            return  # beside one that fails, a canary proves nothing about latency
        if fault is None and version not in self.world.sick | self.world.failing:
            assert isinstance(ended, AlreadyLive) or ended.deployment.outcome is Outcome.PROMOTED

    @precondition(lambda self: self.world.records(Kind.RELEASE))
    @rule(to=st.one_of(st.none(), versions), urgent=st.booleans(), fault=faults)
    def roll_back(self, to: str | None, urgent: bool, fault: Fault | None) -> None:
        self.act(lambda ctx: rollback(ctx, to=to, emergency=urgent), fault)

    @precondition(lambda self: self.cut_off)
    @rule(fault=faults)
    def resume(self, fault: Fault | None) -> None:
        self.act(resume, fault)

    @precondition(lambda self: self.cut_off)
    @rule(fault=faults)
    def abort(self, fault: Fault | None) -> None:
        self.act(lambda ctx: abort(ctx, None), fault)

    @precondition(lambda self: self.cut_off)
    @rule(version=versions)
    def deploying_over_an_interrupted_deployment_is_refused(self, version: str) -> None:
        before = self.world.snapshot()
        with pytest.raises((Interrupted, LeaseHeld)):
            self.world.run(lambda ctx: deploy(ctx, version, blue_green.plan))
        assert self.world.snapshot() == before

    @precondition(lambda self: self.world.router.routing.running)
    @rule(fault=st.one_of(st.none(), st.builds(Fault, st.just("crash"), st.sampled_from(range(12)))))
    def take_down(self, fault: Fault | None) -> None:
        self.act(down, fault)

    @rule(seconds=st.sampled_from([1.0, 59.0, 61.0, 7200.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(version=versions, how=st.sampled_from(["sick", "failing", "well"]))
    def a_version_turns(self, version: str, how: str) -> None:
        self.world.sick.discard(version)
        self.world.failing.discard(version)
        if how != "well":
            getattr(self.world, how).add(version)

    @rule()
    def an_instance_of_the_free_slot_dies(self) -> None:
        live = self.world.router.routing.traffic.live
        if live is not None:
            self.world.runtime.kill(live.other, 1)

    @rule(version=versions, other=versions, delay=st.floats(0, 40))
    def two_operators_at_once(self, version: str, other: str, delay: float) -> None:
        """The second comes while the first is at it, or after."""
        outcomes = together(
            self.world,
            (0.0, lambda ctx: deploy(ctx, version, blue_green.plan)),
            (delay, lambda ctx: deploy(ctx, other, blue_green.plan)),
        )
        for outcome in outcomes:
            if isinstance(outcome, Ended):
                assert outcome.deployment.outcome is not None

    # Invariants

    @invariant()
    def requests_never_went_where_nobody_answers(self) -> None:
        if hasattr(self, "world"):
            assert self.world.broken == [], self.world.broken

    @invariant()
    def a_failed_release_gets_no_traffic_and_expires(self) -> None:
        if hasattr(self, "world") and not self.world.tampered:
            snapshot = self.world.snapshot()
            weights = snapshot.routing.traffic.weights
            for slot in Slot:
                occupant = snapshot.slot(slot).occupant
                if occupant is not None and occupant.failed:
                    assert occupant.warm_until is not None
                    assert weights is None or weights.of(slot) == 0

    @invariant()
    def the_journal_is_whole(self) -> None:
        if hasattr(self, "world"):
            assert at_once(self.world.journal.verify()) is None

    @invariant()
    def a_lease_is_free_or_its_holder_crashed(self) -> None:
        if hasattr(self, "world"):
            lease = self.world.leases()
            assert lease is None or lease.holder.pid not in self.world.living

    @invariant()
    def generations_never_interleave(self) -> None:
        """Once a newer lease has written, an older one never writes again."""
        if hasattr(self, "world"):
            generations = [r.generation for r in self.world.journal.all if r.generation is not None]
            assert generations == sorted(generations)


TestDeployments = Deployments.TestCase
TestDeployments.settings = settings(
    max_examples=60, stateful_step_count=12, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.slow
class TestDeploymentsAtLength(Deployments.TestCase):
    settings = settings(
        max_examples=120,
        stateful_step_count=25,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


def test_a_warm_release_that_was_to_serve_again_and_did_not_keeps_its_countdown() -> None:
    world = World()
    for version in ("1.0.0", "1.1.0"):
        world.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))
    before = world.snapshot()
    world.sick.add("1.0.0")
    ended = world.run(lambda ctx: deploy(ctx, "1.0.0", blue_green.plan))
    assert isinstance(ended, Ended)
    assert ended.deployment.outcome is Outcome.ABORTED
    assert_as_before(before, world.snapshot(), world, ended)


def test_a_resumed_deployment_does_not_switch_to_instances_that_have_died_meanwhile() -> None:
    for at in range(60):
        world = World(specs.spec(instances=1))
        world.run(lambda ctx: deploy(ctx, "1.0.0", blue_green.plan))
        with suppress(Crash):
            world.run(lambda ctx: deploy(ctx, "1.1.0", blue_green.plan), Fault("crash", at))
        if world.router.routing.traffic.live is Slot.BLUE and world.records(Kind.OPENED)[-1].deployment == 2:
            world.runtime.kill(Slot.GREEN, 1)
            world.run(resume)
        assert world.broken == [], f"crashed at {at}"
