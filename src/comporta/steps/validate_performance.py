"""Performance baseline: the same load on the new release and on the one before, compared block by block."""

from __future__ import annotations

from comporta.analysis.regression import Ratio, cost_of, latency_of, paired, unpaired
from comporta.model.checks import Target
from comporta.model.errors import CheckFailed
from comporta.model.load import Baseline, LoadBlock, LoadShape
from comporta.model.traffic import Slot
from comporta.model.values import to_json
from comporta.ports.bundle import Ports
from comporta.steps.groups import task_group
from comporta.steps.health import instance_targets, log_advice
from comporta.steps.step import Facts, Step

TIMEOUT = 10.0
"""Seconds after which a request of the load is given up."""


class ValidatePerformance(Step, frozen=True, tag="validate-performance"):
    """One instance of `slot` under load.

    Attributes:
        against: the slot of the release before, where it is up: both are measured at the same time.
        baseline: how another release bore this load earlier, for where it is not.
        slower: how many times the latency of the release before it may have.
        throughput: what part of its throughput it must have.
        floor: seconds below which all latencies are alike.
    """

    slot: Slot
    shape: LoadShape
    host: str
    slower: float
    throughput: float
    floor: float
    against: Slot | None = None
    baseline: Baseline | None = None

    @property
    def title(self) -> str:
        other = (
            f"{self.against}, which is kept warm" if self.against else "its baseline" if self.baseline else "nothing"
        )
        return f"validate the performance of {self.slot} against {other}"

    async def do(self, ports: Ports, began: float) -> Facts:
        slots = [self.slot, *([self.against] if self.against else [])]
        targets = [instance_targets(slot, 1, self.host, ports)[0] for slot in slots]
        new, *others = await measure(targets, self.shape, ports)
        if not _answered(new):
            raise CheckFailed(
                "validation failed in phase performance: the release left whole blocks of requests without an answer",
                details=[f"GET {self.shape.path} on {targets[0].name}"],
                next=f"look into the release{log_advice(targets[0])}",
            )
        # What was kept warm may have come to its time meanwhile.
        beside = others[0] if others and _answered(others[0]) else None
        facts: Facts = {"baseline": to_json(new)}
        if beside is None and self.baseline is None:
            return facts | {"compared": "nothing to compare with: this is the baseline now"}
        latency, cost = self._compared(new, beside)
        facts |= {"latency": to_json(latency), "cost": to_json(cost)}
        if latency.beyond(self.slower) or cost.beyond(1 / self.throughput):
            raise self._failure(latency, cost)
        return facts

    def _compared(self, new: Baseline, beside: Baseline | None) -> tuple[Ratio, Ratio]:
        """Latency under the steady load, and seconds for each answer under the busy one."""
        old = beside or self.baseline
        assert old is not None, "asked only where there is one of them"
        compare = paired if beside else unpaired
        steady = [[latency_of(block, self.floor) for block in each.steady] for each in (new, old)]
        busy = [[cost_of(block) for block in each.busy] for each in (new, old)]
        return compare(*steady), compare(*busy)

    def _failure(self, latency: Ratio, cost: Ratio) -> CheckFailed:
        return CheckFailed(
            "validation failed in phase performance: the release is slower than the one before",
            details=[
                f"latency: {latency.estimate:.2f} times, at least {latency.least:.2f}; allowed {self.slower:g}",
                f"throughput: {1 / cost.estimate:.2f} times; wanted {self.throughput:g}",
                f"{self.shape.pairs} blocks of each, GET {self.shape.path}",
            ],
            next="find out what became slower; `validate.performance` in the config has the limits",
        )


def _answered(baseline: Baseline) -> bool:
    return all(block.answered for block in (*baseline.steady, *baseline.busy))


async def measure(targets: list[Target], shape: LoadShape, ports: Ports) -> list[Baseline]:
    """Every target under the shape's load: at the same time for latency, in turn (ABBA) for throughput."""
    steady: list[list[LoadBlock]] = [[] for _ in targets]
    busy: list[list[LoadBlock]] = [[] for _ in targets]
    order = list(range(len(targets)))
    assert ports.load is not None, "the composition root gives one"
    for number in range(-1, shape.pairs):
        ports.operator.note(f"block {max(number, 0) + 1} of {shape.pairs}")
        blocks = await _together(targets, shape, ports)
        turns = {
            which: await ports.load.busy(
                targets[which], shape.path, connections=shape.connections, seconds=shape.seconds, timeout=TIMEOUT
            )
            for which in (order if number % 2 else reversed(order))
        }
        if number < 0:
            continue  # the first one warms caches and connections on both sides
        for which in order:
            steady[which].append(blocks[which])
            busy[which].append(turns[which])
    return [Baseline(shape=shape, steady=tuple(steady[i]), busy=tuple(busy[i])) for i in order]


async def _together(targets: list[Target], shape: LoadShape, ports: Ports) -> dict[int, LoadBlock]:
    blocks: dict[int, LoadBlock] = {}

    async def one(which: int) -> None:
        assert ports.load is not None, "the composition root gives one"
        blocks[which] = await ports.load.steady(
            targets[which], shape.path, rate=shape.rate, seconds=shape.seconds, timeout=TIMEOUT
        )

    async with task_group() as group:
        for which in range(len(targets)):
            group.start_soon(one, which)
    return blocks
