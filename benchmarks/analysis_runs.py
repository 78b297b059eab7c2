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

from analysis_plain import PLAIN, SHARED, plain
from analysis_rivals import RIVALS, calibrated, oracle, worst_excess
from analysis_traffic import NULLS, Load, Rates, Second, Slowness, before, blocks, draw, slowness, steady, worse
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.analysis.judge import Settings, State, begin, log_evidence, update
from comporta.analysis.verdict import DOUBT, Kind, verdict
from comporta.model.figures import Counts

SETTINGS = Settings(warm_up=0)
NOTHING = 1e-9  # the share of a metric that is left out
OURS, ERRORS, LATENCY = "comporta", "errors, all of α", "latency, all of α"
ALONE = {ERRORS: replace(SETTINGS, errors_share=1 - NOTHING), LATENCY: replace(SETTINGS, errors_share=NOTHING)}
CALIBRATED, PROVEN = "runbook, calibrated", "proof"
Found = tuple[int | None, int]  # the second of the abort, and the candidate's errors up to it


@dataclass(frozen=True)
class Task:
    """One run of a cell: what to call, with what, and the number that seeds it."""

    kind: str
    cell: tuple[Any, ...]
    run: int

    def rng(self) -> random.Random:
        return random.Random(f"{self.kind} {self.cell} {self.run}")


def judged(sequence: Iterable[Block], past: Counts, settings: Settings = SETTINGS) -> Iterator[tuple[Block, State]]:
    """The state after each block, up to the one that fails."""
    state = begin(past)
    for block in sequence:
        state = update(settings, state, block)
        yield block, state
        if state.failed:
            return


def aborted(sequence: Iterable[Block], past: Counts, settings: Settings = SETTINGS) -> int | None:
    return next((block.end for block, state in judged(sequence, past, settings) if state.failed), None)


def null_run(task: Task) -> dict[str, Any]:
    """A healthy candidate: who aborts it? With latencies, also who judges by them alone."""
    load, base, name, timed, horizon = task.cell
    rng = task.rng()
    seconds = draw(NULLS[name](base, horizon, rng), load, rng)
    past = before(load, base, rng, timed)
    sequence = list(blocks(seconds, load, slowness(name, horizon, rng) if timed else None, rng))
    untimed = list(blocks(seconds, load, None, rng))
    result: dict[str, Any] = {OURS: aborted(sequence, past), ERRORS: aborted(untimed, past, ALONE[ERRORS])}
    if timed:
        result[LATENCY] = aborted(sequence, past, ALONE[LATENCY])
    result |= {PLAIN: plain(seconds, load)} | {rival: judge(seconds) for rival, judge in RIVALS.items()}
    return result | {"excess": worst_excess(seconds)}


def rise_run(task: Task) -> dict[str, Found]:
    """A candidate with more errors: when do we abort, with a share of α and with all of it, and the plain form?"""
    load, base, rise, begins, horizon = task.cell
    rng = task.rng()
    seconds = draw(worse(base, rise, horizon, begins), load, rng)
    ends = _ends_by_errors(seconds, load, before(load, base, rng, False), rng)
    ends[SHARED] = plain(seconds, load, SETTINGS.errors_share)
    return {name: _found(seconds, begins, end) for name, end in ends.items()}


def _ends_by_errors(seconds: list[Second], load: Load, past: Counts, rng: random.Random) -> dict[str, int | None]:
    sequence = list(blocks(seconds, load, None, rng))
    ends = {OURS: aborted(sequence, past), ERRORS: aborted(sequence, past, ALONE[ERRORS])}
    return ends | {PLAIN: plain(seconds, load)}


def detection_run(task: Task) -> dict[str, Found]:
    """A candidate that is worse: when does who abort, and what have users seen by then? Counted from its beginning."""
    load, base, rise, begins, horizon, timed, points = task.cell
    rng = task.rng()
    seconds = draw(worse(base, rise, horizon, begins), load, rng)
    past = before(load, base, rng, timed)
    if timed:
        ends = {OURS: aborted(blocks(seconds, load, [Slowness()] * horizon, rng), past)}
    else:
        ends = _ends_by_errors(seconds, load, past, rng)
    ends["oracle"] = oracle(seconds, base, rise, begins)
    judges = RIVALS if points is None else RIVALS | {CALIBRATED: calibrated(points)}
    ends |= {rival: judge(seconds) for rival, judge in judges.items()}
    return {name: _found(seconds, begins, end) for name, end in ends.items()}


def _found(seconds: Sequence[Second], begins: int, end: int | None) -> Found:
    bad = sum(second.candidate_errors for second in seconds[begins:end])
    return (None if end is None or end <= begins else end - begins), bad


def latency_run(task: Task) -> dict[str, int | None]:
    """A candidate that is slower: when is it aborted, and when by its latencies alone?"""
    load, factor, tail, horizon = task.cell
    rng = task.rng()
    seconds = draw(steady(0.01, horizon, rng), load, rng)
    sequence = list(blocks(seconds, load, [Slowness(factor, 1.0, tail)] * horizon, rng))
    past = before(load, 0.01, rng, True)
    return {OURS: aborted(sequence, past), LATENCY: aborted(sequence, past, ALONE[LATENCY])}


def proof_run(task: Task) -> dict[str, int | None]:
    """When an equal candidate's errors are proven no worse."""
    load, base, horizon = task.cell
    rng = task.rng()
    sequence = blocks(draw(steady(base, horizon, rng), load, rng), load, None, rng)
    states = judged(sequence, before(load, base, rng, False))
    level = SETTINGS.promotion_level
    return {PROVEN: next((block.end for block, state in states if state.errors.proof.log_total >= level), None)}


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
    "rise": rise_run,
    "proof": proof_run,
    "detection": detection_run,
    "latency": latency_run,
    "promotion": promotion_run,
    "passing": passing_run,
}


def run(task: Task) -> Any:
    return RUNS[task.kind](task)
