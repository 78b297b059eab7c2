"""Following the traffic of both roles: read, cut into blocks, judged, and written down so that a restart goes on."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from comporta.analysis.blocks import IN_FLIGHT, Block
from comporta.analysis.collecting import Collector, Roles
from comporta.analysis.judge import Settings, State, begin, update
from comporta.analysis.verdict import Kind, Verdict, verdict
from comporta.model.figures import Counts, span_of, total
from comporta.model.values import Value, from_json, to_json
from comporta.ports.bundle import Ports
from comporta.steps.further_metrics import FurtherMetrics

SEED_SECONDS = 300.0
"""How far back stable's own traffic is looked at, to know what is usual."""


class Measurement(Value, frozen=True):
    """What is written down with each closed block: enough to judge again, and to read on without counting twice.

    Attributes:
        seed: stable's requests of before, with the first measurement of a deployment.
        cursor: where to go on reading the router's figures.
        collector: what was read and is in no block yet.
        block: None for the measurement that begins a step.
        lacking: further metrics that said nothing when the block was closed, each with the reason.
    """

    cursor: str
    collector: Collector
    block: Block | None = None
    seed: Counts | None = None
    lacking: tuple[str, ...] = ()


@dataclass
class Judging:
    """One step's view of the traffic. `now` is the clock's time, going on evenly even if the clock is set."""

    settings: Settings
    state: State
    latest: Measurement
    started: float
    monotonic: float
    now: float

    @classmethod
    async def resumed(cls, settings: Settings, roles: Roles, ports: Ports, began: float) -> Judging:
        """From what was measured before, by earlier steps too; the evidence is carried on and never reset."""
        measured = [from_json(facts, Measurement) for facts in await ports.notebook.measured()]
        if not measured or measured[-1].collector.roles != roles:
            measured.append(await _beginning(roles, measured, ports, began))
        latest = measured[-1]
        # The clock may have been set back while nothing ran: time never goes back for the blocks.
        now = max(ports.clock.now(), float(latest.collector.start - latest.collector.seconds - IN_FLIGHT))
        return cls(settings, judged(settings, measured), latest, now, ports.clock.monotonic(), now)

    @property
    def judged_here(self) -> bool:
        """Some block under the present weights was judged: what was measured at another share proves nothing here."""
        return self.latest.collector.start > self.latest.collector.began

    async def look(self, further: FurtherMetrics, ports: Ports) -> Verdict:
        """Read what came since, close the blocks that are complete, and say what it all means now.

        Args:
            further: asked once for each block.
        """
        self.now = self.started + ports.clock.monotonic() - self.monotonic
        reading = await ports.router.count(self.latest.cursor)
        collector, lacking = self.latest.collector.with_figures(reading.figures), self.latest.lacking
        while (closed := collector.close(self.now)) is not None:
            collector, block = closed
            values, stable_values, lacking = await further.ask(ports.metrics)
            block = replace(block, values=values, stable_values=stable_values)
            self.state = update(self.settings, self.state, block)
            await self._note(
                Measurement(cursor=reading.cursor, collector=collector, block=block, lacking=lacking), ports
            )
        self.latest = Measurement(cursor=reading.cursor, collector=collector, lacking=lacking)
        return held_back(verdict(self.settings, self.state, self.now), lacking)

    async def _note(self, measurement: Measurement, ports: Ports) -> None:
        await ports.notebook.measure(to_json(measurement))


async def _beginning(roles: Roles, before: list[Measurement], ports: Ports, began: float) -> Measurement:
    """Where a step begins to count: from its own beginning on, under weights that were not judged before."""
    recent = await ports.router.recent(SEED_SECONDS)
    rate = total(f.counts for f in recent.figures).requests / max(1, span_of(recent.figures))
    cursor = before[-1].cursor if before else recent.cursor
    stable = [f.counts for f in recent.figures if f.release == roles.stable]
    measurement = Measurement(
        cursor=cursor,
        collector=Collector.beginning(roles, rate, max(began, _latest_end(before))),
        seed=None if before else total(stable),
    )
    await ports.notebook.measure(to_json(measurement))
    return measurement


def held_back(verdict: Verdict, lacking: tuple[str, ...]) -> Verdict:
    """The verdict, where metrics that were asked for say nothing: it cannot be a pass."""
    if not lacking or verdict.kind is Kind.FAIL:
        return verdict
    kind = Kind.INCONCLUSIVE if verdict.kind is Kind.PASS else verdict.kind
    return replace(verdict, kind=kind, reasons=(*lacking, *verdict.reasons))


def judged(settings: Settings, measured: list[Measurement]) -> State:
    """The state after everything that was measured."""
    seeds = [measurement.seed for measurement in measured if measurement.seed is not None]
    state = begin(seeds[0] if seeds else None)
    for measurement in measured:
        if measurement.block is not None:
            state = update(settings, state, measurement.block)
    return state


def _latest_end(measured: list[Measurement]) -> float:
    return max((m.block.end for m in measured if m.block), default=0)
