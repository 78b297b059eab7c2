"""How the shipped analysis judges simulated canaries, beside what others do with the same traffic.

Run: python benchmarks/analysis.py [--runs N] [--quick] [--jobs N]

Seeds are fixed: the same options print the same figures (but for the cost of a block). The comparison runs through the
public `begin`, `update` and `verdict`, block by block, with the default settings; only the warm-up of latencies is
left out, so that times count from the first request.
"""

import math
import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import click
from analysis_rivals import RIVALS, calibrated, oracle, worst_excess
from analysis_traffic import NULLS, Load, Rates, Second, Slowness, before, blocks, draw, slowness, steady, worse

from comporta.analysis.blocks import Block
from comporta.analysis.judge import Settings, State, begin, log_evidence, update
from comporta.analysis.verdict import DOUBT, Kind, verdict
from comporta.model.figures import Counts

SETTINGS = Settings(warm_up=0)
HOUR, QUARTER = 3600, 900
BASES, LOADS = (0.001, 0.01, 0.03), (Load(5), Load(50), Load(500))
OURS = "comporta"
BAD_MORE, MORE = 1.0 - 0.01, 0.05  # on a base of 1 %: a candidate that always fails; five points more
Found = tuple[int | None, int]  # the second of the abort, and the candidate's errors up to it


@dataclass(frozen=True)
class Task:
    """One run of a cell: what to call, with what, and the number that seeds it."""

    kind: str
    cell: tuple[Any, ...]
    run: int

    def rng(self) -> random.Random:
        return random.Random(f"{self.kind} {self.cell} {self.run}")


def judged(sequence: Iterable[Block], past: Counts) -> Iterator[tuple[Block, State]]:
    """The state after each block, up to the one that fails."""
    state = begin(past)
    for block in sequence:
        state = update(SETTINGS, state, block)
        yield block, state
        if state.failed:
            return


def aborted(sequence: Iterable[Block], past: Counts) -> int | None:
    return next((block.end for block, state in judged(sequence, past) if state.failed), None)


def null_run(task: Task) -> dict[str, Any]:
    """A healthy candidate: who aborts it?"""
    load, base, name, timed, horizon = task.cell
    rng = task.rng()
    seconds = draw(NULLS[name](base, horizon, rng), load, rng)
    slow = slowness(name, horizon, rng) if timed else None
    result: dict[str, Any] = {OURS: aborted(blocks(seconds, load, slow, rng), before(load, base, rng, timed))}
    if not timed:
        result |= {rival: judge(seconds) for rival, judge in RIVALS.items()}
        result["excess"] = worst_excess(seconds)
    return result


def detection_run(task: Task) -> dict[str, Found]:
    """A candidate that is worse: when does who abort, and what have users seen by then? Counted from its beginning."""
    load, base, rise, begins, horizon, timed, points = task.cell
    rng = task.rng()
    seconds = draw(worse(base, rise, horizon, begins), load, rng)
    slow = [Slowness()] * horizon if timed else None
    ends = {OURS: aborted(blocks(seconds, load, slow, rng), before(load, base, rng, timed))}
    ends["oracle"] = oracle(seconds, base, rise, begins)
    judges = {**RIVALS, "runbook, calibrated": calibrated(points)}
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


@dataclass
class Bench:
    """Runs cells, `runs` times each, and keeps the goals that were looked at; `hour` is how long healthy ones run."""

    runs: int
    hour: int
    pool: Any
    goals: list[tuple[str, str, str]] = field(default_factory=list)

    def cell(self, kind: str, *cell: Any, times: float = 1.0) -> list[Any]:
        tasks = [Task(kind, cell, number) for number in range(max(2, round(self.runs * times)))]
        return list(self.pool.imap(run, tasks, chunksize=max(1, len(tasks) // 16)))

    def goal(self, what: str, value: float, most: float, unit: str = "") -> None:
        self.goals.append((what, f"{value:.3g}{unit} (goal {most:g}{unit})", "reached" if value <= most else "MISSED"))

    def rare(self, what: str, hits: int, runs: int, most: float) -> None:
        """A goal for a probability in percent: reached only where so many runs show it, not where none happened to."""
        share, highest = 100 * hits / runs, 100 * bounds(hits, runs)[1]
        outcome = "reached" if highest <= most else "consistent, not shown" if share <= most else "MISSED"
        self.goals.append((what, f"{told(hits, runs)} of {runs} (goal {most:g} %)", outcome))


def bounds(hits: int, runs: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    z2, share = 1.96**2, hits / runs
    middle, spread = share + z2 / (2 * runs), 1.96 * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs))
    return max(0.0, (middle - spread) / (1 + z2 / runs)), min(1.0, (middle + spread) / (1 + z2 / runs))


def told(hits: int, runs: int) -> str:
    low, high = bounds(hits, runs)
    return f"{hits / runs:.1%} ({low:.1%}–{high:.1%})"


def typical(values: Sequence[float | None]) -> float:
    """The median, where never is infinity."""
    return median([math.inf if value is None else value for value in values])


def row(*cells: object) -> None:
    click.echo("| " + " | ".join(str(cell) for cell in cells) + " |")


def header(title: str, *cells: str) -> None:
    click.echo(f"\n### {title}\n")
    row(*cells)
    row(*["---"] * len(cells))


def false_alarms(bench: Bench) -> dict[Load, float]:
    """Errors only, all bases and loads; returns the excess to calibrate the runbook's rule by, at a base of 1 %."""
    names = [OURS, *RIVALS]
    header("False alarms within 60 minutes, errors (95 % bounds; worst cell in brackets)", "Situation", *names)
    excess: dict[Load, float] = {}
    for situation in NULLS:
        counts: dict[str, list[int]] = defaultdict(list)
        for load in LOADS:
            for base in BASES:
                results = bench.cell("null", load, base, situation, False, bench.hour)
                for name in names:
                    counts[name].append(sum(result[name] is not None for result in results))
                if situation == "steady" and base == 0.01:
                    ordered = sorted(result["excess"] for result in results)
                    excess[load] = ordered[math.ceil(0.99 * len(ordered)) - 1]
        total = len(results) * len(counts[OURS])
        row(situation, *[f"{told(sum(c), total)} [{max(c) / len(results):.0%}]" for c in counts.values()])
        most = 2.0 if "bursts" in situation else 1.0
        bench.rare(f"1. false aborts, errors, {situation}", sum(counts[OURS]), total, most)
    return excess


def false_alarms_together(bench: Bench) -> None:
    header("False alarms within 60 minutes, errors and latency together, base 1 %", "Situation", "50/s", "500/s")
    for situation in NULLS:
        hits = []
        for load, times in ((Load(50), 0.5), (Load(500), 0.25)):
            results = bench.cell("null", load, 0.01, situation, True, bench.hour, times=times)
            hits.append((sum(result[OURS] is not None for result in results), len(results)))
        row(situation, *[told(*each) for each in hits])
        failed, runs = (sum(column) for column in zip(*hits, strict=True))
        bench.rare(f"5. false aborts together, {situation}", failed, runs, 2.0 if "bursts" in situation else 1.0)


def detection(bench: Bench, excess: dict[Load, float]) -> None:
    names = [OURS, "oracle", "runbook rule", "runbook, calibrated", "Flagger", "Argo", "Kayenta", "mixture SPRT"]
    header(
        "Detection on a base of 1 %: median seconds / bad requests seen (missed, or aborted before it began)",
        "Regression",
        *names,
    )
    cells = [(load, MORE, 0, 1800 if load.rate < 50 else QUARTER, False) for load in reversed(LOADS)]
    cells += [(Load(50), BAD_MORE, 0, QUARTER, False), (Load(500), BAD_MORE, 0, QUARTER, False)]
    cells += [(load, MORE, 450, QUARTER, False) for load in (Load(500), Load(50))]
    cells += [(Load(50), MORE, 0, 300, True)]
    for load, rise, begins, horizon, timed in cells:
        results = bench.cell("detection", load, 0.01, rise, begins, horizon, timed, excess[load], times=6)
        label = f"{load.rate:g}/s, +{100 * rise:g} pts" + (f" from {begins} s on" if begins else "")
        row(label + (", with latencies" if timed else ""), *[_summary([r[name] for r in results]) for name in names])
        if not begins:
            _detection_goals(bench, label + (" together" if timed else ""), load, rise, results)


def _summary(found: Sequence[Found]) -> str:
    missed = sum(end is None for end, _ in found) / len(found)
    if missed > 0.5:
        return f"not found: {missed:.0%}"
    return f"{typical([end for end, _ in found]):g} / {median([bad for _, bad in found]):g}" + (
        f" ({missed:.0%})" if missed else ""
    )


def _detection_goals(bench: Bench, label: str, load: Load, rise: float, results: Sequence[dict[str, Found]]) -> None:
    seconds = typical([result[OURS][0] for result in results])
    bad = median([result[OURS][1] for result in results])
    limits: dict[tuple[float, float], tuple[float, float]]
    limits = {(50, MORE): (60, 10), (500, MORE): (8, 12), (50, BAD_MORE): (3, 8), (500, BAD_MORE): (2, math.inf)}
    if limit := limits.get((load.rate, rise)):
        bench.goal(f"2. {label}: time", seconds, limit[0], " s")
        if limit[1] < math.inf:
            bench.goal(f"2. {label}: bad requests", bad, limit[1])
    best = max(1.0, median([result["oracle"][1] for result in results]))
    bench.goal(f"2. {label}: bad requests over the oracle's", bad / best, 2.5, " x")


def latency(bench: Bench) -> None:
    header(
        "Slower candidates: median seconds (not found within 5 minutes; x 1.1 at 50/s: 15)",
        "Regression",
        "500/s",
        "50/s",
    )
    limits = {(1.3, 0.0): 45, (2.0, 0.0): 8, (1.0, 0.02): 75}
    for factor, tail in ((2.0, 0.0), (1.3, 0.0), (1.1, 0.0), (1.0, 0.02)):
        label = f"{tail:.0%} of requests +5 s" if tail else f"x {factor}"
        shown = []
        for load in (Load(500), Load(50)):
            horizon = QUARTER if factor == 1.1 and load.rate == 50 else 300
            ends = bench.cell("latency", load, factor, tail, horizon, times=5)
            shown.append(f"{typical(ends):g} ({sum(end is None for end in ends) / len(ends):.0%})")
            if load.rate == 50 and (factor, tail) in limits:
                bench.goal(f"3. latency {label} at 50/s", typical(ends), limits[factor, tail], " s")
        row(label, *shown)


def promotion(bench: Bench) -> None:
    header(
        "Proof of being no worse (delta = 1 point, within 15 minutes)",
        "Candidate",
        "proven, median s",
        "promoted (95 % bounds)",
    )
    equal = [(Load(500), b, 0.0, "steady") for b in BASES[:2]] + [(Load(50), b, 0.0, "steady") for b in BASES]
    equal += [(Load(5, 0.25), 0.001, 0.0, "steady")]
    at_margin = [(Load(500), 0.01, 0.01, s) for s in ("steady", "drift of both", "bursts, one role at a time")]
    at_margin += [(Load(50), 0.01, 0.01, "steady"), (Load(500), 0.01, 0.02, "steady"), (Load(50), 0.01, 0.02, "steady")]
    for load, base, excess, situation in equal + at_margin:
        results = bench.cell("promotion", load, base, excess, situation, QUARTER, times=20 if excess else 3)
        wrong = sum(promoted is not None for _, promoted in results)
        proven = typical([proven for proven, _ in results])
        label = f"{load.rate:g}/s at {load.share:.0%}, base {base:.1%}" + (f", +{100 * excess:g} pts" if excess else "")
        row(f"{label}, {situation}", f"{proven:g}", told(wrong, len(results)))
        if excess and "bursts" not in situation:
            most = 5.0 if excess == SETTINGS.margin else 0.5
            bench.rare(f"4. wrongly promoted, {label}, {situation}", wrong, len(results), most)
        if (load, base, excess) == (Load(50), 0.01, 0.0):
            bench.goal("4. the proof at 50/s, base 1 %", proven, 360, " s")
    ends = bench.cell("passing", Load(50), 0.01, QUARTER)
    click.echo(f"\nErrors and latency together at 50/s, base 1 %: `pass` after {typical(ends):g} s in the median.")


def cost(bench: Bench) -> None:
    header("Cost of a block, errors and latency", "Requests in a block", "ms")
    for rate in (50, 500, 5000):
        spent = cost_of_a_block(rate)
        row(rate, f"{spent:.2f}")
        bench.goal(f"5. a block of {rate} requests", spent, 3.0, " ms")


@click.command()
@click.option("--runs", default=60, show_default=True, help="Simulated rollouts in each cell of a null scenario.")
@click.option(
    "--quick", is_flag=True, help="Two rollouts a cell, an hour of 15 minutes: only to see that everything runs."
)
@click.option("--jobs", default=multiprocessing.cpu_count, type=int, help="Worker processes [default: one a core].")
def main(runs: int, quick: bool, jobs: int) -> None:
    """Print the tables, then each goal: reached, missed, or consistent with too few runs to show it."""
    started = time.monotonic()
    with multiprocessing.Pool(jobs) as pool:
        bench = Bench(runs=2 if quick else runs, hour=QUARTER if quick else HOUR, pool=pool)
        excess = false_alarms(bench)
        detection(bench, excess)
        for table in (latency, promotion, false_alarms_together, cost):
            table(bench)
    header("Goals", "Goal", "Figure", "")
    for what, figure, outcome in bench.goals:
        row(what, figure, outcome)
    click.echo(f"\n{bench.runs} runs a cell, {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
