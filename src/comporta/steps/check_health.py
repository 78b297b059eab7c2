"""Wait until every instance of a slot passes every health check."""

from __future__ import annotations

from comporta.model.checks import Check
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.health import Rounds, instance_targets
from comporta.steps.step import Facts, Step


class CheckHealth(Step, frozen=True, tag="check-health"):
    """`timeout` and `interval` in seconds; `host` is the Host header to send."""

    slot: Slot
    instances: int
    checks: tuple[Check, ...]
    host: str
    timeout: float
    interval: float

    @property
    def title(self) -> str:
        names = ", ".join(check.name for check in self.checks)
        return f"check the health of {self.slot} ({names}), at most {self.timeout:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        targets = instance_targets(self.slot, self.instances, self.host, ports)
        rounds = Rounds(targets, self.checks, ports, interval=self.interval)
        return await rounds.until_healthy(timeout=self.timeout, deadline=began + self.timeout)
