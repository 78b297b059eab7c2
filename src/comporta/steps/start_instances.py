"""Bring a release up in the free slot."""

from __future__ import annotations

from comporta.model.errors import RuntimeFailure
from comporta.model.release import InstanceState, Occupant, SlotState
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.draining import drain, require_no_traffic
from comporta.steps.health import left_behind
from comporta.steps.keep_warm import duration
from comporta.steps.step import Effect, Facts, Step


class StartInstances(Step, frozen=True, tag="start-instances"):
    """Start `to` in the slot, in place of what was found there.

    Undo brings back what was kept warm there. Where nothing was, it leaves `to` running without traffic, marked as
    failed, so that it can be looked into: it expires by itself, and the next deployment takes its place.

    Attributes:
        found: the occupant when planning, if any.
        restore: it was running (kept warm), so undo starts it again.
        drain_bound: seconds to wait for requests in flight before the slot is stopped.
        keep_for: seconds that undo leaves `to` running; 0: it is stopped.
    """

    slot: Slot
    to: Occupant
    found: Occupant | None
    restore: bool
    drain_bound: float
    keep_for: float = 0.0

    @property
    def title(self) -> str:
        count = self.to.instances
        return f"start {count} instance{'s' * (count != 1)} of {self.to.release.version} in {self.slot}"

    @property
    def undo_title(self) -> str:
        if self.restore and same(self.to, self.found):
            return f"let {self.slot} expire as before"
        if self._keeps:
            return f"keep {self.slot} without traffic for {duration(self.keep_for)}, for a look"
        again = f", start {self.found.release.version} there again" if self.found and self.restore else ""
        return f"stop {self.slot}{again}"

    async def check(self, ports: Ports) -> Effect:
        state = await ports.runtime.observe(self.slot)
        if state.occupant is None or same(state.occupant, self.found):
            return Effect.ABSENT
        if not same_release(state.occupant, self.to):
            return Effect.FOREIGN
        # With another number of instances it is ours as well: later steps scale the slot.
        in_place = same(state.occupant, self.to) and state.running and state.occupant.warm_until is None
        return Effect.IN_PLACE if in_place else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        drained = await self._make_room(ports, deadline=began + self.drain_bound)
        ports.operator.note(f"launching on {', '.join(ports.runtime.addresses(self.slot, self.to.instances))}")
        await ports.runtime.start(self.slot, self.to, deployment=ports.deployment)
        return {**drained, "addresses": list(ports.runtime.addresses(self.slot, self.to.instances))}

    async def undo(self, ports: Ports) -> Facts:
        state = await ports.runtime.observe(self.slot)
        if self._left_alone(state):
            return {}
        if state.occupant is not None and same(state.occupant, self.found) and self._was_good(state, ports):
            # `to` may have been this very release: then it was taken out of its countdown.
            await ports.runtime.expire(self.slot, self.found.warm_until if self.found else None)
            return {}
        if self._keeps and self._worth_a_look(state):
            return await self._keep(state, ports)
        drained = await drain(self.slot, ports, deadline=ports.clock.now() + self.drain_bound)
        ports.operator.note(f"stopping {self.slot}")
        await ports.runtime.stop(self.slot)
        left = await left_behind(self.slot, ports)
        return {**drained, **left, "restored": await self._restore(ports)}

    async def _make_room(self, ports: Ports, *, deadline: float) -> Facts:
        """What is replaced may have requests in flight: a failed release is not drained when it is kept, nor is one
        that an incident left behind. A failed one is ended, as even the same one must start afresh."""
        state = await ports.runtime.observe(self.slot)
        occupant = state.occupant
        if occupant is None:
            return {}
        stay = self.to.instances if same_release(occupant, self.to) and not occupant.failed else 0
        leaving = [i for i in state.instances if i.index > stay and i.state is InstanceState.RUNNING]
        if not leaving and not occupant.failed:
            return {}
        drained = await drain(self.slot, ports, deadline=deadline, beyond=stay)
        if occupant.failed:
            await ports.runtime.stop(self.slot)
        return drained

    async def _keep(self, state: SlotState, ports: Ports) -> Facts:
        await require_no_traffic(self.slot, ports)
        until = ports.clock.now() + self.keep_for
        await ports.runtime.expire(self.slot, until, failed=True)
        up = [i.address for i in state.instances if i.state is InstanceState.RUNNING]
        return {"kept_until": until, "addresses": up, **await left_behind(self.slot, ports)}

    async def _restore(self, ports: Ports) -> bool:
        found = self.found
        if not self.restore or found is None or not self._in_time(ports):
            return False
        try:
            await ports.runtime.start(self.slot, found, deployment=ports.deployment)
        except RuntimeFailure:
            # A warm slot only makes a rollback faster; without it a rollback starts the release afresh.
            await ports.runtime.stop(self.slot)
            return False
        await ports.runtime.expire(self.slot, found.warm_until)
        return True

    @property
    def _keeps(self) -> bool:
        """A warm release is worth more than a failed one: where there is one to bring back, nothing else is kept."""
        return self.keep_for > 0 and not self.restore

    def _worth_a_look(self, state: SlotState) -> bool:
        """`to` is there, and some instance still is the one that was tried: another is as new, and tells nothing."""
        tried = any(i.state is InstanceState.RUNNING and not i.restarts for i in state.instances)
        return tried and state.occupant is not None and same_release(state.occupant, self.to)

    def _left_alone(self, state: SlotState) -> bool:
        """The failed release that was kept here before is still there, whole: nothing was begun."""
        return self.found is not None and self.found.failed and state.occupant == self.found and state.running

    def _was_good(self, state: SlotState, ports: Ports) -> bool:
        return state.running and self._in_time(ports) and not (self.found and self.found.failed)

    def _in_time(self, ports: Ports) -> bool:
        """What was found there would still be kept warm now."""
        until = self.found.warm_until if self.found else None
        return until is None or until > ports.clock.now()


def same(one: Occupant, other: Occupant | None) -> bool:
    """Whether both are the same release with the same number of instances, kept warm or not."""
    return other is not None and same_release(one, other) and one.instances == other.instances


def same_release(one: Occupant, other: Occupant) -> bool:
    return (one.release, one.artifact) == (other.release, other.artifact)
