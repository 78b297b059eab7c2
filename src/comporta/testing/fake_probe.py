"""A probe in memory: answers what a script says about the target."""

from __future__ import annotations

from collections.abc import Callable

from comporta.model.checks import Check, CheckResult, Target
from comporta.ports.clock import Clock
from comporta.testing.faults import Faults, no_faults


class FakeProbe:
    """Implements the Probe port. `healthy` says whether a target passes; an attempt takes `seconds`."""

    def __init__(
        self,
        clock: Clock,
        healthy: Callable[[Target], bool],
        *,
        seconds: float = 0.01,
        faults: Faults = no_faults,
    ) -> None:
        self.faults = faults
        self._clock = clock
        self._healthy = healthy
        self._seconds = seconds

    async def ask(self, check: Check, target: Target) -> CheckResult:
        await self.faults("ask", "before")
        await self._clock.sleep(self._seconds)
        passed = self._healthy(target)
        answer = '200 {"status": "ok"}' if passed else "connection refused"
        return CheckResult(passed=passed, asked=f"{check.name} of {target.url}", answer=answer, seconds=self._seconds)
