"""Try the new release out with the service's own tests, before any user sees it."""

from __future__ import annotations

from comporta.model.checks import CheckResult, CommandCheck, Target
from comporta.model.errors import CheckFailed
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.health import ask, instance_targets, log_advice
from comporta.steps.step import Facts, Step


class SmokeTest(Step, frozen=True, tag="smoke-test"):
    """Run each command once, in order, against the first instance of the slot."""

    slot: Slot
    commands: tuple[CommandCheck, ...]
    host: str

    @property
    def title(self) -> str:
        return f"run the smoke tests on {self.slot} ({', '.join(c.name for c in self.commands)})"

    async def do(self, ports: Ports, began: float) -> Facts:
        target = instance_targets(self.slot, 1, self.host, ports)[0]
        overruled: list[str] = []
        for command in self.commands:
            ports.operator.note(f"running {command.name}")
            result = await ask(command, target, ports)
            if not result.passed:
                if not await ports.operator.overrule(f"Smoke test {command.name} failed: {result.answer}. Go on?"):
                    raise _failure(command, result, target)
                overruled.append(command.name)
        return {"overruled": overruled} if overruled else {}


def _failure(command: CommandCheck, result: CheckResult, target: Target) -> CheckFailed:
    return CheckFailed(
        f"cannot accept the release: smoke test {command.name!r} failed",
        details=[f"ran: {result.asked}", f"answer: {result.answer}"],
        next=f"fix the release, or the test, and deploy again{log_advice(target)}",
    )
