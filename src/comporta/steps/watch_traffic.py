"""Watch real traffic on the new release for a while: errors and crashes end the deployment."""

from __future__ import annotations

from comporta.model.errors import StepFailed
from comporta.model.release import InstanceStatus, SlotState
from comporta.model.traffic import Slot, TrafficCount
from comporta.ports.bundle import Ports
from comporta.steps.health import describe_exit, instance_targets, last_log_lines, log_advice
from comporta.steps.step import Facts, Step

LOOK_EVERY = 1.0
ENOUGH_REQUESTS = 20
"""Below this many requests an error rate says nothing."""


class WatchTraffic(Step, frozen=True, tag="watch-traffic"):
    """Attributes: `seconds` to watch; `max_error_rate` as a fraction of the requests."""

    slot: Slot
    instances: int
    seconds: float
    max_error_rate: float

    @property
    def title(self) -> str:
        return f"watch the traffic on {self.slot} for {self.seconds:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        cursor = (await ports.router.count(None)).cursor
        crashes_before = _crashes(await ports.runtime.observe(self.slot))
        total = TrafficCount()
        left = self.seconds
        while left > 0:
            # A look always comes first: a watch that is resumed after its end still looks once.
            await ports.clock.sleep(min(LOOK_EVERY, self.seconds))
            reading = await ports.router.count(cursor)
            cursor, total = reading.cursor, total.plus(reading.of(self.slot))
            self._judge_errors(total)
            await self._judge_crashes(crashes_before, ports)
            left = began + self.seconds - ports.clock.now()
            ports.operator.note(f"{total.requests} requests, {total.errors} errors, {max(0.0, left):.0f} s left")
        return {"requests": total.requests, "app_errors": total.app_errors, "proxy_errors": total.proxy_errors}

    def _judge_errors(self, total: TrafficCount) -> None:
        if total.requests >= ENOUGH_REQUESTS and total.errors > self.max_error_rate * total.requests:
            raise StepFailed(
                f"cannot keep the release live: {total.errors} of {total.requests} requests failed "
                f"({total.errors / total.requests:.1%}, allowed {self.max_error_rate:.1%})",
                details=[f"answered 5xx by the app: {total.app_errors}", f"answered by nobody: {total.proxy_errors}"],
                next=f"`comporta logs --slot {self.slot}` has what they wrote (with --previous once others run there)",
            )

    async def _judge_crashes(self, before: int, ports: Ports) -> None:
        state = await ports.runtime.observe(self.slot)
        if _crashes(state) > before:
            crashed: InstanceStatus = max(state.instances, key=lambda i: i.restarts)
            target = instance_targets(self.slot, self.instances, "", ports)[crashed.index - 1]
            raise StepFailed(
                f"cannot keep the release live: instance {crashed.name} crashed under traffic",
                details=[*describe_exit(crashed), *await last_log_lines(target, ports)],
                next=f"fix the release and deploy again{log_advice(target)}",
            )


def _crashes(state: SlotState) -> int:
    return sum(i.restarts for i in state.instances)
