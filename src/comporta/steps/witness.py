"""The release that serves, as the witness of a migration: what it could do before, it must be able to do after."""

from __future__ import annotations

from comporta.model.checks import Check, CommandCheck, Target
from comporta.model.errors import CheckFailed
from comporta.model.traffic import ReleaseRef, Slot
from comporta.model.values import Value
from comporta.ports.bundle import Ports
from comporta.steps.health import Rounds, ask, ask_all, instance_targets


class Witness(Value, frozen=True):
    """The instances of the live slot, and what is asked of them: health checks of each, smoke tests of the first."""

    release: ReleaseRef
    slot: Slot
    instances: int
    checks: tuple[Check, ...]
    smoke: tuple[CommandCheck, ...]
    host: str
    timeout: float
    interval: float

    async def able(self, ports: Ports) -> list[str]:
        """The names of the checks and tests that pass now: only these can say anything about a migration."""
        asked = [check.name for check in self.checks]
        for target in self._targets(ports):
            results = await ask_all(self.checks, target, ports)
            asked = [name for name in asked if results[name].passed]
        return [*asked, *[test.name for test in self.smoke if not await self._fails(test, ports)]]

    async def require(self, able: list[str], ports: Ports) -> None:
        """All of these pass still.

        Raises:
            CheckFailed: one does not, within the time that instances get to be healthy.
        """
        checks = [check for check in self.checks if check.name in able]
        rounds = Rounds(self._targets(ports), checks, ports, interval=self.interval)
        if checks:
            await rounds.until_healthy(timeout=self.timeout, deadline=ports.clock.now() + self.timeout)
        for test in self.smoke:
            if test.name in able and (cause := await self._fails(test, ports)):
                raise CheckFailed(f"cannot pass smoke test {test.name!r} any more: {cause}")

    def _targets(self, ports: Ports) -> list[Target]:
        return instance_targets(self.slot, self.instances, self.host, ports)

    async def _fails(self, test: CommandCheck, ports: Ports) -> str:
        """Why; empty if it passes."""
        ports.operator.note(f"running {test.name} on {self.slot}")
        result = await ask(test, self._targets(ports)[0], ports)
        return "" if result.passed else result.answer
