"""One simulated canary of each kind, judged by the shipped analysis and, where they can, by its rivals.

Every comparison goes through the public `begin`, `update` and `verdict`, block by block, with the default settings;
only the warm-up of latencies is left out, so that times count from the first request.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from analysis_rivals import RIVALS, calibrated, oracle, worst_excess
from analysis_traffic import NULLS, Load, Rates, Second, Slowness, before, blocks, draw, slowness, steady, worse
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.analysis.judge import Settings, State, begin, log_evidence, update
from comporta.analysis.latency import Latency
from comporta.analysis.rates import Rates as Errors
from comporta.analysis.verdict import DOUBT, Kind, verdict
from comporta.model.figures import Counts

SETTINGS = Settings(warm_up=0)
OURS, ERRORS, LATENCY = "comporta", "errors alone", "latency alone"
CALIBRATED = "runbook, calibrated"
Found = tuple[int | None, int]  # the second of the abort, and the candidate's errors up to it


@dataclass(frozen=True)
class Task:
    """One run of a cell: what to call, with what, and the number that seeds it."""

    kind: str
    cell: tuple[Any, ...]
    run: int

    def rng(self) -> random.Random:
        return random.Random(f"{self.kind} {self.cell} {self.run}")


def states(sequence: Iterable[Block], past: Counts) -> Iterator[tuple[Block, State]]:
    """The state after each block."""
    state = begin(past)
    for block in sequence:
        state = update(SETTINGS, state, block)
        yield block, state


def judged(sequence: Iterable[Block], past: Counts) -> Iterator[tuple[Block, State]]:
    """The same, up to the one that fails."""
    for block, state in states(sequence, past):
        yield block, state
        if state.failed:
            return


def aborted(sequence: Iterable[Block], past: Counts) -> int | None:
    return next((block.end for block, state in judged(sequence, past) if state.failed), None)


def null_run(task: Task) -> dict[str, Any]:
    """A healthy candidate: who aborts it? With latencies, also by which of its metrics alone."""
    load, base, name, timed, horizon = task.cell
    rng = task.rng()
    seconds = draw(NULLS[name](base, horizon, rng), load, rng)
    past = before(load, base, rng, timed)
    sequence = blocks(seconds, load, slowness(name, horizon, rng) if timed else None, rng)
    result: dict[str, Any] = aborts_by_metric(states(sequence, past)) if timed else {ERRORS: aborted(sequence, past)}
    result |= {rival: judge(seconds) for rival, judge in RIVALS.items()}
    return result | {"excess": worst_excess(seconds)}


def aborts_by_metric(sequence: Iterable[tuple[Block, State]]) -> dict[str, int | None]:
    """When a candidate is aborted, and when it would be if the evidence of one metric were all that there is.

    An absolute limit that kills counts for every one of them.
    """
    ends: dict[str, int | None] = dict.fromkeys((OURS, ERRORS, LATENCY))
    for block, state in sequence:
        alone = {ERRORS: replace(state, latency=Latency()), LATENCY: replace(state, errors=Errors())}
        hit = {name: reached(of_one) for name, of_one in alone.items()} | {OURS: bool(state.failed)}
        ends = {name: block.end if end is None and hit[name] else end for name, end in ends.items()}
    return ends


def reached(state: State) -> bool:
    return bool(state.watch.killed) or log_evidence(SETTINGS, state) >= SETTINGS.abort_level


def detection_run(task: Task) -> dict[str, Found]:
    """A candidate that is worse: when does who abort, and what have users seen by then? Counted from its beginning."""
    load, base, rise, begins, horizon, timed, points = task.cell
    rng = task.rng()
    seconds = draw(worse(base, rise, horizon, begins), load, rng)
    slow = [Slowness()] * horizon if timed else None
    ends = {OURS: aborted(blocks(seconds, load, slow, rng), before(load, base, rng, timed))}
    ends["oracle"] = oracle(seconds, base, rise, begins)
    judges = RIVALS if points is None else RIVALS | {CALIBRATED: calibrated(points)}
    ends |= {rival: judge(seconds) for rival, judge in judges.items()}
    return {name: _found(seconds, begins, end) for name, end in ends.items()}


def _found(seconds: Sequence[Second], begins: int, end: int | None) -> Found:
    bad = sum(second.candidate_errors for second in seconds[begins:end])
    return (None if end is None or end <= begins else end - begins), bad


def latency_run(task: Task) -> int | None:
    """A candidate that is slower: when is it aborted?"""
    load, factor, tail, horizon = task.cell
    rng = task.rng()
    seconds = draw(steady(0.01, horizon, rng), load, rng)
    return aborted(blocks(seconds, load, [Slowness(factor, 1.0, tail)] * horizon, rng), before(load, 0.01, rng, True))


def promotion_run(task: Task) -> tuple[int | None, int | None]:
    """When errors are proven no worse, and when the candidate would be promoted by them; latencies are left out."""
    load, base, excess, name, horizon = task.cell
    rng = task.rng()
    rates: Rates = [(of_candidate + excess, of_stable) for of_candidate, of_stable in NULLS[name](base, horizon, rng)]
    seconds = draw(rates, load, rng)
    proven = promoted = None
    for block, state in judged(blocks(seconds, load, None, rng), before(load, base, rng, False)):
        if state.failed or state.errors.proof.log_total < SETTINGS.promotion_level:
            continue
        proven = proven or block.end
        if block.end >= SETTINGS.bake and log_evidence(SETTINGS, state) < DOUBT:
            promoted = block.end
            break
    return proven, promoted


def passing_run(task: Task) -> int | None:
    """When a healthy candidate gets the verdict `pass`, errors and latency together."""
    load, base, horizon = task.cell
    rng = task.rng()
    seconds = draw(steady(base, horizon, rng), load, rng)
    for block, state in judged(blocks(seconds, load, [Slowness()] * horizon, rng), before(load, base, rng, True)):
        if verdict(SETTINGS, state, block.end).kind is Kind.PASS:
            return block.end
    return None


def cost_of_a_block(rate: float, how_many: int = 100) -> float:
    """Milliseconds for everything that is done with a block, errors and latency; the median."""
    load, rng = Load(rate), random.Random(rate)
    sequence = blocks(draw(steady(0.01, how_many, rng), load, rng), load, [Slowness()] * how_many, rng)
    state, spent = begin(before(load, 0.01, rng, True)), []
    for block in sequence:
        started = time.perf_counter()
        state = update(SETTINGS, state, block)
        spent.append(time.perf_counter() - started)
    return 1000 * median(spent)


RUNS: dict[str, Callable[[Task], Any]] = {
    "null": null_run,
    "detection": detection_run,
    "latency": latency_run,
    "promotion": promotion_run,
    "passing": passing_run,
}


def run(task: Task) -> Any:
    return RUNS[task.kind](task)
