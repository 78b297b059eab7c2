"""Operators act in the simulated world, and what comes of each command is judged: one of the promised ends."""

from __future__ import annotations

from typing import Any

from comporta.app.deploy import Interrupted
from comporta.app.running import Ended
from comporta.app.settling import abort
from comporta.model.errors import ComportaError, ForeignChange, LeaseHeld, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.release import SlotState
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Slot
from comporta.steps.start_instances import same
from simulation.world import TAMPERED, Crash, Fault, World


class Operating:
    """Commands, one after the other, and what must be true after each. `cut_off`: a deployment was interrupted."""

    world: World

    def begin(self, world: World) -> None:
        self.world = world
        self.cut_off = False

    def tell(self, what: str) -> None:
        """Something happened, for whoever reads how it came to a failure."""

    def act(self, use_case: Any, fault: Fault | None) -> Any:
        """Run a command; whatever comes of it must be one of the promised ends."""
        before = self.world.snapshot()
        try:
            ended = self.world.run(use_case, fault)
        except Crash:
            self.tell("crashed")
            self.cut_off = self.unfinished()
            return None
        except (Interrupted, LeaseHeld, UsageError, ForeignChange) as refused:
            self.tell(f"refused: {refused}")
            self.repair_if_tampered()
            self.cut_off = self.unfinished()
            return refused
        except ComportaError as error:
            # `down` met a fault, or the disk is full: it says so, and can be called again.
            self.tell(f"failed: {error}")
            self.repair_if_tampered()
            self.cut_off = self.unfinished()
            return error
        if isinstance(ended, Ended):
            self.judge(ended, before)
        self.cut_off = self.unfinished()
        return ended

    def judge(self, ended: Ended, before: Snapshot) -> None:
        outcome = ended.deployment.outcome
        self.tell(f"{outcome}: {ended.deployment.cause}")
        assert outcome is not None
        after = self.world.snapshot()
        if outcome is Outcome.PROMOTED and not self.world.tampered:
            live = after.live
            assert live is not None
            assert live.occupant is not None
            assert live.occupant.release == ended.deployment.plan.release
            assert live.running
        if outcome in (Outcome.ABORTED, Outcome.ROLLED_BACK) and not self.cut_off and not self.world.tampered:
            assert_as_before(before, after, self.world, ended)
        if outcome is Outcome.INCIDENT:
            self.settle(ended)
        self.repair_if_tampered()

    def settle(self, ended: Ended) -> None:
        """A person repairs what was changed by hand, then aborts the incident: that works, if there is a way back."""
        self.repair_if_tampered()
        again = self.world.run(lambda ctx: abort(ctx, ended.deployment.number)) if self.can_abort(ended) else None
        if again is not None and "nothing runs there any more" not in again.deployment.cause:
            assert again.deployment.outcome in (Outcome.ABORTED, Outcome.ROLLED_BACK), again.deployment.cause

    def can_abort(self, ended: Ended) -> bool:
        plan = ended.deployment.plan
        begun = {r.step for r in self.world.journal.all if r.deployment == ended.deployment.number}
        return plan.point_of_no_return not in begun

    def repair_if_tampered(self) -> None:
        if self.world.tampered:
            assert self.world.router.routing.traffic == TAMPERED, "what somebody else did was overwritten"
            self.world.repair()

    def unfinished(self) -> bool:
        opened = {r.deployment for r in self.world.records(Kind.OPENED)}
        return bool(opened - {r.deployment for r in self.world.records(Kind.FINISHED)})


def assert_as_before(before: Snapshot, after: Snapshot, world: World, ended: Ended) -> None:
    """Do, then undo, restores the snapshot: routing exactly; the live slot; the free slot, unless its time was up.

    A free slot in which nothing was warm may hold the candidate instead, kept for a look.
    """
    assert after.routing.traffic == before.routing.traffic
    assert after.routing.topology == before.routing.topology or before.routing.topology is None
    live = before.routing.traffic.live
    for slot in Slot:
        was, now = before.slot(slot).occupant, after.slot(slot).occupant
        if slot is live:
            assert now is not None
            assert same(now, was)
        elif now is not None and now.failed and now != was:
            assert now.release == ended.deployment.plan.release
            assert not is_warm(before.slot(slot)), f"{was} was given up for a failed release"
            assert 0 < (now.warm_until or 0) - world.clock.now() <= max(world.spec.keep_failed, 10.0)
            assert world.spec.keep_failed
        elif now is not None:
            assert same(now, was), f"{now.release} was left over in {slot}"
            assert now.warm_until == was.warm_until, f"{slot} lost its countdown"


def is_warm(state: SlotState) -> bool:
    occupant = state.occupant
    return state.running and occupant is not None and occupant.warm_until is not None and not occupant.failed
