"""Feature validation: the service's own acceptance commands and HTTP scenarios, in order, against one instance."""

from __future__ import annotations

from comporta.model.checks import Check, CheckResult, Target
from comporta.model.errors import CheckFailed
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.health import ask, instance_targets, kind_of, log_advice
from comporta.steps.step import Facts, Step


class ValidateFeatures(Step, frozen=True, tag="validate-features"):
    """Each of `checks` once; a question over HTTP or TCP that fails is asked once more. All within `seconds`."""

    slot: Slot
    checks: tuple[Check, ...]
    host: str
    seconds: float

    @property
    def title(self) -> str:
        return f"validate the features of {self.slot} ({', '.join(check.name for check in self.checks)})"

    async def do(self, ports: Ports, began: float) -> Facts:
        target = instance_targets(self.slot, 1, self.host, ports)[0]
        for check in self.checks:
            if ports.clock.now() >= began + self.seconds:
                raise CheckFailed(
                    f"validation failed in phase features: {check.name!r} had no turn within {self.seconds:g} s",
                    next="make them quicker, or give `validate.features.during` more time",
                )
            ports.operator.note(f"running {check.name}")
            result = await ask(check, target, ports)
            if not result.passed and kind_of(check) != "command":
                result = await ask(check, target, ports)
            if not result.passed:
                raise _failure(check, result, target)
        return {"features": len(self.checks)}


def _failure(check: Check, result: CheckResult, target: Target) -> CheckFailed:
    return CheckFailed(
        f"validation failed in phase features: {check.name!r} failed on {target.name}",
        details=[f"ran: {result.asked}", f"answer: {result.answer}"],
        next=f"fix the release, or the test{log_advice(target)}",
    )
