"""The figures that are reported of the method, and ours: medians of as many rollouts as were made for them.

They are of one metric at a time, which has all of α: the plain form comes to them so, and not with a share of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from analysis_bounds import median_bounds
from analysis_plain import PLAIN, SHARED
from analysis_printing import header, row, typical
from analysis_runs import ERRORS, LATENCY, OURS, PROVEN
from analysis_traffic import Load

USUAL = 0.01  # the errors of a healthy release
Cell = Callable[..., list[dict[str, Any]]]

_RISES = [  # points more, from which second on, horizon; seconds and bad requests as reported
    (Load(500), 0.05, 0, 900, 7, 11),
    (Load(50), 0.05, 0, 900, 50, 8),
    (Load(5), 0.05, 0, 1800, 532, 8),
    (Load(50), 0.99, 0, 900, 2, 6),
    (Load(1), 0.99, 0, 900, 80, None),
    (Load(1, 0.10), 0.99, 0, 900, 40, None),
    (Load(1, 0.25), 0.99, 0, 900, 24, None),
    (Load(500), 0.05, 450, 900, 13, None),
    (Load(50), 0.05, 450, 900, 105, None),
]
_SLOWER = [  # factor, slow tail, horizon; seconds
    (Load(500), 2.0, 0.0, 300, 2),
    (Load(50), 2.0, 0.0, 300, 7),
    (Load(500), 1.3, 0.0, 300, 5),
    (Load(50), 1.3, 0.0, 300, 35),
    (Load(500), 1.1, 0.0, 300, 28),
    (Load(50), 1.1, 0.0, 900, 238),
    (Load(500), 1.0, 0.02, 300, 7),
    (Load(50), 1.0, 0.02, 300, 58),
]
_PROOFS = [  # errors; seconds
    (Load(500), 0.001, 14),
    (Load(500), 0.01, 38),
    (Load(50), 0.001, 133),
    (Load(50), 0.01, 364),
    (Load(50), 0.03, 807),
    (Load(5, 0.25), 0.01, 858),
]


def figures(cell: Cell) -> None:
    """Print them. `cell` runs a kind of rollout many times."""
    header(
        "The figures reported of the method, and ours",
        *("Figure", "Reported", "All of α: median (95 %)", "", "As shipped", "Plain form", "with 0.6 of α"),
    )
    for load, rise, begins, horizon, seconds, bad in _RISES:
        found = cell("rise", load, USUAL, rise, begins, horizon)
        label = f"{_told(load)}, +{100 * rise:g} points" + (f" from {begins} s on" if begins else "")
        _row(f"{label}: s", seconds, ERRORS, {name: [end for end, _ in _of(found, name)] for name in found[0]})
        if bad is not None:
            _row(f"{label}: bad requests", bad, ERRORS, {name: [n for _, n in _of(found, name)] for name in found[0]})
    for load, factor, tail, horizon, seconds in _SLOWER:
        ends = cell("latency", load, factor, tail, horizon)
        label = f"{_told(load)}, " + (f"{tail:.0%} of requests +5 s: s" if tail else f"x {factor:g}: s")
        _row(label, seconds, LATENCY, {name: _of(ends, name) for name in ends[0]})
    for load, base, seconds in _PROOFS:
        proven = cell("proof", load, base, 2400)
        _row(f"{_told(load)}, errors {base:.1%}: s to the proof", seconds, PROVEN, {PROVEN: _of(proven, PROVEN)})


def _of(results: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [result[name] for result in results]


def _told(load: Load) -> str:
    return f"{load.rate:g}/s" + ("" if load.share == 0.05 else f" at {load.share:.0%}")


def _row(label: str, reported: float, name: str, found: dict[str, list[float | None]]) -> None:
    median, (low, high) = typical(found[name]), median_bounds(found[name])
    outcome = "reached" if median <= reported else "not told apart" if low <= reported else "MISSED"
    others = [f"{typical(found[other]):g}" if other in found else "" for other in (OURS, PLAIN, SHARED)]
    row(label, f"{reported:g}", f"{median:g} ({low:g}–{high:g})", outcome, *others)
