"""Watch real traffic on the new release for a while: errors and crashes end the deployment."""

from __future__ import annotations

from comporta.model.errors import StepFailed
from comporta.model.figures import Counts
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.crashes import Crashes
from comporta.steps.step import Facts, Step

LOOK_EVERY = 1.0
ENOUGH_REQUESTS = 20
"""Below this many requests an error rate says nothing."""


class WatchTraffic(Step, frozen=True, tag="watch-traffic"):
    """Attributes: `release` by its number; `seconds` to watch; `max_error_rate` as a fraction of the requests."""

    slot: Slot
    release: int
    instances: int
    seconds: float
    max_error_rate: float

    @property
    def title(self) -> str:
        return f"watch the traffic on {self.slot} for {self.seconds:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        cursor = (await ports.router.count(None)).cursor
        crashes = await Crashes.so_far(self.slot, self.instances, ports)
        total = Counts()
        left = self.seconds
        while left > 0:
            # A look always comes first: a watch that is resumed after its end still looks once.
            await ports.clock.sleep(min(LOOK_EVERY, self.seconds))
            reading = await ports.router.count(cursor)
            cursor, total = reading.cursor, total.plus(reading.of(self.release))
            self._judge_errors(total)
            await crashes.require_none_new(ports)
            left = began + self.seconds - ports.clock.now()
            ports.operator.note(f"{total.requests} requests, {total.errors} errors, {max(0.0, left):.0f} s left")
        return {"requests": total.requests, "app_errors": total.app_errors, "proxy_errors": total.proxy_errors}

    def _judge_errors(self, total: Counts) -> None:
        if total.requests >= ENOUGH_REQUESTS and total.errors > self.max_error_rate * total.requests:
            raise StepFailed(
                f"cannot keep the release live: {total.errors} of {total.requests} requests failed "
                f"({total.errors / total.requests:.1%}, allowed {self.max_error_rate:.1%})",
                details=[f"answered 5xx by the app: {total.app_errors}", f"answered by nobody: {total.proxy_errors}"],
                next=f"`comporta logs --slot {self.slot}` has what they wrote (with --previous once others run there)",
            )
