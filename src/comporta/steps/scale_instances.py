"""Give a release another number of instances, while those that were tested go on."""

from __future__ import annotations

from comporta.model.release import Occupant
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.draining import drain
from comporta.steps.start_instances import same, same_release
from comporta.steps.step import Effect, Facts, Step


class ScaleInstances(Step, frozen=True, tag="scale-instances"):
    """From `back_to` to `to`: the same release with another number of instances.

    The router tells what is in flight towards a slot, not towards one instance of it. So instances are taken away only
    from a slot that gets no traffic, after its requests were answered (or `drain_bound` seconds have passed). Undo
    takes none away at all: it runs while the slot may still get traffic, and must be quick; instances too many cost
    no more than memory until the slot is stopped as a whole. It does start those that are missing, as they carry load.
    """

    slot: Slot
    to: Occupant
    back_to: Occupant
    drain_bound: float = 60.0

    @property
    def title(self) -> str:
        verb = "add instances to" if self._adds else "take instances from"
        return f"{verb} {self.slot}: {self.back_to.instances} → {self.to.instances} of {self.to.release.version}"

    @property
    def undo_title(self) -> str:
        return "" if self._adds else f"bring {self.slot} back to {self.back_to.instances} instances"

    async def check(self, ports: Ports) -> Effect:
        state = await ports.runtime.observe(self.slot)
        if state.occupant is not None and not same_release(state.occupant, self.to):
            return Effect.FOREIGN
        # Any number is ours: the undo of a later step may have left more.
        in_place = state.occupant is not None and same(state.occupant, self.to) and state.running
        return Effect.IN_PLACE if in_place else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        addresses = list(ports.runtime.addresses(self.slot, self.to.instances))
        if self._adds:
            ports.operator.note(f"launching on {', '.join(addresses[self.back_to.instances :])}")
            drained: Facts = {}
        else:
            drained = await drain(self.slot, ports, deadline=began + self.drain_bound)
            ports.operator.note(f"stopping {self.back_to.instances - self.to.instances} instances of {self.slot}")
        await ports.runtime.start(self.slot, self.to, deployment=ports.deployment)
        return {**drained, "addresses": addresses}

    async def undo(self, ports: Ports) -> Facts:
        if not self._adds:
            await ports.runtime.start(self.slot, self.back_to, deployment=ports.deployment)
        return {}

    @property
    def _adds(self) -> bool:
        return self.to.instances >= self.back_to.instances
