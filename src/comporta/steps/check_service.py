"""Wait until the service passes every health check as its users reach it: through the router."""

from __future__ import annotations

from comporta.model.checks import Check
from comporta.model.errors import CheckFailed
from comporta.ports.bundle import Ports
from comporta.steps.health import Rounds, router_target
from comporta.steps.step import Facts, Step


class CheckService(Step, frozen=True, tag="check-service"):
    """`timeout` and `interval` in seconds; `host` is the Host header to send.

    `advisory`: a failure is told and fails nothing.
    """

    checks: tuple[Check, ...]
    host: str
    timeout: float
    interval: float
    advisory: bool = False

    @property
    def title(self) -> str:
        return f"check the service through the router, at most {self.timeout:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        rounds = Rounds([router_target(self.host, ports)], self.checks, ports, interval=self.interval)
        try:
            return await rounds.until_healthy(timeout=self.timeout, deadline=began + self.timeout)
        except CheckFailed as error:
            if not self.advisory:
                raise
            return {"unhealthy": [error.message, *error.details]}
