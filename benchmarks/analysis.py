"""How the shipped analysis judges simulated canaries, beside what others do with the same traffic.

Run: python benchmarks/analysis.py [--runs N] [--only TABLE]... [--quick] [--jobs N]
False alarms are rare, so showing it takes many runs: --situation, --rate, --base and --errors-only choose among them.

Seeds are fixed: the same options print the same figures (but for the cost of a block), and more runs begin with those
of fewer. Each row is printed as soon as it is done.
"""

import math
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Any

import click
from analysis_bounds import bounds
from analysis_figures import figures
from analysis_plain import PLAIN
from analysis_printing import header, row, told, typical
from analysis_rivals import RIVALS
from analysis_runs import CALIBRATED, ERRORS, LATENCY, OURS, SETTINGS, Found, Task, cost_of_a_block, run
from analysis_traffic import NULLS, Load

HOUR, QUARTER = 3600, 900
BASES, RATES = (0.001, 0.01, 0.03), (5.0, 50.0, 500.0)
USUAL = 0.01  # the base at which latencies are judged too, and regressions found
BAD_MORE, MORE = 1.0 - USUAL, 0.05  # on that base: a candidate that always fails; five points more
FEW = 20  # runs of a candidate that is worse, or equal to be promoted, times what the table needs


@dataclass
class Bench:
    """Runs cells and keeps the goals that were looked at.

    Attributes:
        runs: how often a healthy candidate is judged in each cell, for an `hour` of so many seconds.
        cells: its situations, and requests a second.
        bases: its error rates, each with the answer whether latencies are judged too.
        few: how often the other ones are judged, times what their table needs.
    """

    runs: int
    hour: int
    cells: tuple[Sequence[str], Sequence[float]]
    bases: dict[float, bool]
    few: int
    pool: Any
    excess: dict[Load, float] = field(default_factory=dict)
    goals: list[tuple[str, str, str]] = field(default_factory=list)

    def healthy(self, *cell: Any) -> list[dict[str, Any]]:
        return self._cell("null", cell, self.runs)

    def cell(self, kind: str, *cell: Any, times: int) -> list[Any]:
        return self._cell(kind, cell, self.few * times)

    def _cell(self, kind: str, cell: tuple[Any, ...], runs: int) -> list[Any]:
        tasks = [Task(kind, cell, number) for number in range(runs)]
        return list(self.pool.imap(run, tasks, chunksize=max(1, len(tasks) // 16)))

    def goal(self, what: str, value: float, most: float, unit: str = "") -> None:
        self.goals.append((what, f"{value:.3g}{unit} (goal {most:g}{unit})", "reached" if value <= most else "MISSED"))

    def rare(self, what: str, hits: int, runs: int, most: float) -> None:
        """A goal for a probability in percent: reached only where so many runs show it, not where none happened to."""
        share, highest = 100 * hits / runs, 100 * bounds(hits, runs)[1]
        outcome = "reached" if highest <= most else "consistent, not shown" if share <= most else "MISSED"
        self.goals.append((what, f"{told(hits, runs)} of {runs} (goal {most:g} %)", outcome))


def false_alarms(bench: Bench) -> None:
    """Each cell once: errors at every base, beside the rivals; at the usual base latencies too."""
    situations, rates = bench.cells
    aborts: dict[str, dict[str, list[int]]] = {situation: defaultdict(list) for situation in situations}
    header(
        "False alarms within 60 minutes: aborts (exact 95 % bounds)",
        *("Situation", "Requests/s", "Errors", "Runs", OURS, ERRORS, LATENCY, PLAIN),
    )
    for situation, rate, (base, timed) in product(situations, rates, bench.bases.items()):
        results = bench.healthy(Load(rate), base, situation, timed, bench.hour)
        for name in (OURS, ERRORS, PLAIN, *RIVALS):
            aborts[situation][name].append(_aborts(results, name))
        _told_by_metric(bench, (situation, rate, base), results)
        if situation == "steady" and base == USUAL:
            bench.excess[Load(rate)] = _exceeded_in_alpha(results)
    _told_of_rivals(bench, aborts)


def _aborts(results: Sequence[dict[str, Any]], name: str) -> int:
    return sum(result[name] is not None for result in results)


def _told_by_metric(bench: Bench, cell: tuple[str, float, float], results: Sequence[dict[str, Any]]) -> None:
    situation, rate, base = cell
    judges = (OURS, ERRORS, LATENCY, PLAIN)
    hits = {name: _aborts(results, name) for name in judges if name in results[0]}
    shown = [f"{hits[name]}: {told(hits[name], len(results))}" if name in hits else "" for name in judges]
    row(situation, f"{rate:g}", f"{base:.1%}", len(results), *shown)
    most = 2.0 if "bursts" in situation else 1.0
    label = f"{situation}, {rate:g}/s, base {base:.1%}"
    which = "5. false aborts together" if LATENCY in hits else "1. false aborts, errors"
    bench.rare(f"{which}, {label}", hits[OURS], len(results), most)


def _told_of_rivals(bench: Bench, aborts: dict[str, dict[str, list[int]]]) -> None:
    names = [OURS, ERRORS, PLAIN, *RIVALS]
    header("The same, all these bases and rates, beside rivals [worst cell]", "Situation", *names)
    for situation, counts in aborts.items():
        total = bench.runs * len(counts[ERRORS])
        row(situation, *[f"{told(sum(counts[n]), total)} [{max(counts[n]) / bench.runs:.1%}]" for n in names])


def _exceeded_in_alpha(results: Sequence[dict[str, Any]]) -> float:
    """The excess to calibrate the runbook's rule by."""
    ordered = sorted(result["excess"] for result in results)
    return float(ordered[math.ceil((1 - SETTINGS.alpha) * len(ordered)) - 1])


def detection(bench: Bench) -> None:
    names = [OURS, ERRORS, PLAIN, "oracle", CALIBRATED, *RIVALS]
    header(
        "Detection on a base of 1 %: median seconds / bad requests seen (missed, or aborted before it began)",
        "Regression",
        *names,
    )
    cells = [(Load(500), MORE, 0, QUARTER, False), (Load(50), MORE, 0, QUARTER, False), (Load(5), MORE, 0, 1800, False)]
    cells += [(Load(50), BAD_MORE, 0, QUARTER, False), (Load(500), BAD_MORE, 0, QUARTER, False)]
    cells += [(Load(1, share), BAD_MORE, 0, QUARTER, False) for share in (0.05, 0.10, 0.25)]
    cells += [(load, MORE, 450, QUARTER, False) for load in (Load(500), Load(50))]
    cells += [(Load(50), MORE, 0, 300, True)]
    for load, rise, begins, horizon, timed in cells:
        points = bench.excess.get(load)
        results = bench.cell("detection", load, USUAL, rise, begins, horizon, timed, points, times=6)
        share = "" if load.share == 0.05 else f" at {load.share:.0%}"
        label = f"{load.rate:g}/s{share}, +{100 * rise:g} pts" + (f" from {begins} s on" if begins else "")
        row(
            label + (", with latencies" if timed else ""),
            *[_summary([r[name] for r in results if name in r]) for name in names],
        )
        if not begins:
            _detection_goals(bench, label + (" together" if timed else ""), load, rise, results)


def _summary(found: Sequence[Found]) -> str:
    if not found:
        return ""
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
            ends = [end[OURS] for end in bench.cell("latency", load, factor, tail, horizon, times=5)]
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
    ends = bench.cell("passing", Load(50), USUAL, QUARTER, times=1)
    click.echo(f"\nErrors and latency together at 50/s, base 1 %: `pass` after {typical(ends):g} s in the median.")


def cost(bench: Bench) -> None:
    header("Cost of a block, errors and latency", "Requests in a block", "ms")
    for rate in (50, 500, 5000):
        spent = cost_of_a_block(rate)
        row(rate, f"{spent:.2f}")
        bench.goal(f"5. a block of {rate} requests", spent, 3.0, " ms")


def reported(bench: Bench) -> None:
    """As many rollouts as were made for the figures that are reported."""
    figures(lambda kind, *cell: bench.cell(kind, *cell, times=100))


TABLES: dict[str, Callable[[Bench], None]] = {
    "false-alarms": false_alarms,
    "detection": detection,
    "latency": latency,
    "promotion": promotion,
    "cost": cost,
    "figures": reported,
}


@click.command()
@click.option("--runs", default=FEW, show_default=True, help="Healthy candidates in each cell of false alarms.")
@click.option("--situation", "situations", multiple=True, type=click.Choice(list(NULLS)), default=list(NULLS))
@click.option("--rate", "rates", multiple=True, type=float, default=RATES, help="Requests a second of healthy ones.")
@click.option("--base", "bases", multiple=True, type=float, default=BASES, help="Their error rates, 0 to 1.")
@click.option("--errors-only", is_flag=True, help="Leave out their latencies: several times as fast.")
@click.option("--only", multiple=True, type=click.Choice(list(TABLES)), default=list(TABLES), help="These tables only.")
@click.option(
    "--quick", is_flag=True, help="Two rollouts a cell, an hour of 15 minutes: only to see that everything runs."
)
@click.option("--jobs", default=multiprocessing.cpu_count, type=int, help="Worker processes [default: one a core].")
def main(
    runs: int,
    situations: tuple[str, ...],
    rates: tuple[float, ...],
    bases: tuple[float, ...],
    errors_only: bool,
    only: tuple[str, ...],
    quick: bool,
    jobs: int,
) -> None:
    """Print the tables, then each goal: reached, missed, or consistent with too few runs to show it."""
    started = time.monotonic()
    with multiprocessing.Pool(jobs) as pool:
        bench = Bench(
            runs=2 if quick else runs,
            hour=QUARTER if quick else HOUR,
            cells=(situations, rates),
            bases={base: base == USUAL and not errors_only for base in bases},
            few=1 if quick else FEW,
            pool=pool,
        )
        for name in only:
            TABLES[name](bench)
    if bench.goals:
        header("Goals", "Goal", "Figure", "")
    for what, figure, outcome in bench.goals:
        row(what, figure, outcome)
    click.echo(f"\n{bench.runs} healthy runs a cell, {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
