"""Immediate health: every check keeps passing, of each instance and through the router, for a while."""

from __future__ import annotations

from collections import Counter

from comporta.model.checks import Check, CheckResult, Target
from comporta.model.errors import CheckFailed
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.groups import task_group
from comporta.steps.health import ask_all, instance_targets, log_advice, router_target
from comporta.steps.step import Facts, Step

IN_A_ROW = 3
"""A check fails when it did so many times in a row: one lost packet brings no release back."""


class ValidateHealth(Step, frozen=True, tag="validate-health"):
    """`seconds` in all, `interval` between two rounds; `host` is the Host header to send."""

    slot: Slot
    instances: int
    checks: tuple[Check, ...]
    host: str
    seconds: float
    interval: float

    @property
    def title(self) -> str:
        return f"validate the health of {self.slot} for {self.seconds:g} s"

    async def do(self, ports: Ports, began: float) -> Facts:
        targets = [*instance_targets(self.slot, self.instances, self.host, ports), router_target(self.host, ports)]
        in_a_row: Counter[tuple[str, str]] = Counter()
        rounds = overtime = 0
        while True:
            results = await _round(targets, self.checks, ports)
            rounds += 1
            for target in targets:
                for name, result in results[target.name].items():
                    in_a_row[target.name, name] = 0 if result.passed else in_a_row[target.name, name] + 1
                    # What fails as the time ends is asked on: it must not slip through by that, nor go on for ever.
                    if in_a_row[target.name, name] == IN_A_ROW or (overtime == IN_A_ROW and not result.passed):
                        raise _failure(target, name, result)
            left = began + self.seconds - ports.clock.now()
            if left <= 0 and not any(in_a_row.values()):
                return {"rounds": rounds}
            overtime += left <= 0
            ports.operator.note(f"{rounds} rounds of checks, {max(0.0, left):.0f} s left")
            await ports.clock.sleep(min(self.interval, left) if left > 0 else self.interval)


async def _round(targets: list[Target], checks: tuple[Check, ...], ports: Ports) -> dict[str, dict[str, CheckResult]]:
    """Every check of every target once, concurrently: target name → check name → result."""
    found: dict[str, dict[str, CheckResult]] = {}

    async def one(target: Target) -> None:
        found[target.name] = await ask_all(checks, target, ports)

    async with task_group() as group:
        for target in targets:
            group.start_soon(one, target)
    return found


def _failure(target: Target, name: str, result: CheckResult) -> CheckFailed:
    return CheckFailed(
        f"validation failed in phase health: check {name!r} of {target.name} keeps failing",
        details=[f"asked: {result.asked}", f"last answer: {result.answer}"],
        next=f"look into the release{log_advice(target)}",
    )
