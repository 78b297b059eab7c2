"""Instances that crash under traffic, or that nobody can look at, end a deployment, whatever the figures say."""

from __future__ import annotations

from msgspec import Struct

from comporta.model.errors import StepFailed
from comporta.model.release import InstanceStatus, SlotState
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.health import describe_exit, instance_targets, last_log_lines, log_advice, unreachable


class Crashes(Struct, frozen=True):
    """How often the instances of a slot had crashed when the watch began."""

    slot: Slot
    instances: int
    before: int

    @classmethod
    async def so_far(cls, slot: Slot, instances: int, ports: Ports) -> Crashes:
        return cls(slot, instances, _crashes(await ports.runtime.observe(slot)))

    async def require_none_new(self, ports: Ports) -> None:
        """Look again.

        Raises:
            StepFailed: an instance crashed since; its exit code and last log lines are told. Or its host is lost.
        """
        state = await ports.runtime.observe(self.slot)
        if lost := unreachable(state):
            raise StepFailed(
                f"cannot keep the release live: {lost[0]}",
                details=lost[1:],
                next="`comporta status` shows which hosts answer; deploy again once all do",
            )
        if _crashes(state) > self.before:
            crashed: InstanceStatus = max(state.instances, key=lambda i: i.restarts)
            target = instance_targets(self.slot, self.instances, "", ports)[crashed.index - 1]
            raise StepFailed(
                f"cannot keep the release live: instance {crashed.name} crashed under traffic",
                details=[*describe_exit(crashed), *await last_log_lines(target, ports)],
                next=f"fix the release and deploy again{log_advice(target)}",
            )


def _crashes(state: SlotState) -> int:
    return sum(i.restarts for i in state.instances)
