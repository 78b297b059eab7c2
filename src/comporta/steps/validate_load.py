"""Load capacity: requests in an open loop, more and more, up to the target or until the release bends."""

from __future__ import annotations

from comporta.model.checks import Target
from comporta.model.errors import CheckFailed
from comporta.model.load import LoadBlock
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.groups import task_group
from comporta.steps.health import instance_targets
from comporta.steps.step import Facts, Step

RUNGS = 6
TRIES = 2
"""A rung is lost when it was lost so many times: what else the machine did then is no fault of the release."""
SLOW = 0.95
"""The share of the answers that must come within the limit."""


class ValidateLoad(Step, frozen=True, tag="validate-load"):
    """All instances of `slot`, asked directly, each its part of the rate.

    Attributes:
        to: requests a second in all that the release must bear.
        seconds: how long it takes in all.
        max_errors: the share of requests that may fail.
        within: seconds within which 95 % must be answered, from when they were due.
    """

    slot: Slot
    instances: int
    path: str
    host: str
    to: float
    seconds: float
    max_errors: float
    within: float

    @property
    def title(self) -> str:
        return f"validate the capacity of {self.slot}, up to {self.to:g} requests a second"

    async def do(self, ports: Ports, began: float) -> Facts:
        targets = instance_targets(self.slot, self.instances, self.host, ports)
        held = 0.0
        for rung in range(1, RUNGS + 1):
            rate = self.to * rung / RUNGS
            for _ in range(TRIES):
                ports.operator.note(f"{rate:.0f} requests a second")
                block = await self._rung(targets, rate, ports)
                if not (bent := self._bent(block)):
                    break
            else:
                raise self._failure(held, rate, bent)
            held = rate
        return {"held": held, "p95": round(block.latencies.p95, 4)}

    async def _rung(self, targets: list[Target], rate: float, ports: Ports) -> LoadBlock:
        blocks: list[LoadBlock] = []

        async def one(target: Target) -> None:
            assert ports.load is not None, "the composition root gives one"
            share, seconds, timeout = rate / len(targets), self.seconds / RUNGS, 2 * self.within
            blocks.append(await ports.load.steady(target, self.path, rate=share, seconds=seconds, timeout=timeout))

        async with task_group() as group:
            for target in targets:
                group.start_soon(one, target)
        first, *rest = blocks
        for block in rest:
            first = first.plus(block)
        return first

    def _bent(self, block: LoadBlock) -> str:
        """In which way the release did not bear it; empty if it did."""
        if block.error_rate > self.max_errors:
            return f"{block.error_rate:.1%} of {block.sent} requests failed; allowed {self.max_errors:.1%}"
        if block.latencies.quantile(SLOW) > self.within:
            return f"95 % were answered within {block.latencies.quantile(SLOW):.2f} s; wanted {self.within:g} s"
        return ""

    def _failure(self, held: float, rate: float, bent: str) -> CheckFailed:
        return CheckFailed(
            f"validation failed in phase load: the release bears {held:.0f} requests a second, wanted {self.to:g}",
            details=[f"at {rate:.0f} a second: {bent}"],
            next="more instances, or a release that bears more; `validate.load` in the config has the limits",
        )
