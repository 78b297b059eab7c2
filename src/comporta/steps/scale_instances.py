"""Give a release another number of instances, while those that were tested go on."""

from __future__ import annotations

from comporta.model.release import Occupant
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.check_health import CheckHealth
from comporta.steps.draining import drain
from comporta.steps.start_instances import same, same_release
from comporta.steps.step import Effect, Facts, Step


class ScaleInstances(Step, frozen=True, tag="scale-instances"):
    """From `back_to` to `to`: the same release with another number of instances.

    Instances are taken away only where the router sends them nothing any more, after their requests were answered (or
    `drain_bound` seconds have passed). Undo takes none away at all: it runs while the slot may still get traffic, and
    must be quick; instances too many cost no more than memory until the slot is stopped as a whole. It does start those
    that are missing, as they carry load.

    Attributes:
        healthy: what undo waits for, where it starts instances that are to get requests again.
    """

    slot: Slot
    to: Occupant
    back_to: Occupant
    drain_bound: float = 60.0
    healthy: CheckHealth | None = None

    @property
    def title(self) -> str:
        verb = "add instances to" if self._adds else "take instances from"
        return f"{verb} {self.slot}: {self.back_to.instances} → {self.to.instances} of {self.to.release.version}"

    @property
    def undo_title(self) -> str:
        if self._adds:
            return ""
        wait = ", and wait until they are healthy" if self.healthy else ""
        return f"bring {self.slot} back to {self.back_to.instances} instances{wait}"

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
            drained = await drain(self.slot, ports, deadline=began + self.drain_bound, beyond=self.to.instances)
            ports.operator.note(f"stopping {self.back_to.instances - self.to.instances} instances of {self.slot}")
        await ports.runtime.start(self.slot, self.to, deployment=ports.deployment)
        return {**drained, "addresses": addresses}

    async def undo(self, ports: Ports) -> Facts:
        if self._adds:
            return {}
        await ports.runtime.start(self.slot, self.back_to, deployment=ports.deployment)
        return await self.healthy.do(ports, ports.clock.now()) if self.healthy else {}

    @property
    def _adds(self) -> bool:
        return self.to.instances >= self.back_to.instances
