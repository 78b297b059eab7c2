"""Bring a release up in the free slot."""

from __future__ import annotations

from comporta.model.errors import RuntimeFailure
from comporta.model.release import Occupant
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.draining import drain
from comporta.steps.step import Effect, Facts, Step


class StartInstances(Step, frozen=True, tag="start-instances"):
    """Start `to` in the slot, in place of what was found there.

    Attributes:
        found: the occupant when planning, if any.
        restore: it was running (kept warm), so undo starts it again.
        drain_bound: seconds that undo waits for requests in flight before it stops the slot.
    """

    slot: Slot
    to: Occupant
    found: Occupant | None
    restore: bool
    drain_bound: float

    @property
    def title(self) -> str:
        count = self.to.instances
        return f"start {count} instance{'s' * (count != 1)} of {self.to.release.version} in {self.slot}"

    @property
    def undo_title(self) -> str:
        if self.restore and same(self.to, self.found):
            return f"let {self.slot} expire as before"
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
        ports.operator.note(f"launching on {', '.join(ports.runtime.addresses(self.slot, self.to.instances))}")
        await ports.runtime.start(self.slot, self.to, deployment=ports.deployment)
        return {"addresses": list(ports.runtime.addresses(self.slot, self.to.instances))}

    async def undo(self, ports: Ports) -> Facts:
        state = await ports.runtime.observe(self.slot)
        if state.occupant is not None and same(state.occupant, self.found) and state.running and self._in_time(ports):
            # `to` may have been this very release: then it was taken out of its countdown.
            await ports.runtime.expire(self.slot, self.found.warm_until if self.found else None)
            return {}
        drained = await drain(self.slot, ports, deadline=ports.clock.now() + self.drain_bound)
        ports.operator.note(f"stopping {self.slot}")
        await ports.runtime.stop(self.slot)
        return {**drained, "restored": await self._restore(ports)}

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

    def _in_time(self, ports: Ports) -> bool:
        """What was found there would still be kept warm now."""
        until = self.found.warm_until if self.found else None
        return until is None or until > ports.clock.now()


def same(one: Occupant, other: Occupant | None) -> bool:
    """Whether both are the same release with the same number of instances, kept warm or not."""
    return other is not None and same_release(one, other) and one.instances == other.instances


def same_release(one: Occupant, other: Occupant) -> bool:
    return (one.release, one.artifact) == (other.release, other.artifact)
