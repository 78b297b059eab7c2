"""The comparison of errors in its plain form: equal stakes, every error counts, two blocks can abort.

The form in which the method is described, and whose reported figures `analysis_figures.py` holds ours against. It
shares only Fisher's law with the shipped analysis.
"""

import math
from collections.abc import Sequence

from analysis_rivals import ALPHA
from analysis_traffic import Load, Second

from comporta.analysis.blocks import Table
from comporta.analysis.fisher import is_informative, log_likelihoods

PLAIN, SHARED = "plain form", "plain form, 0.6 of α"
_ODDS = (1.0, 1.5, 2.0, 3.0, 5.0, 9.0, 20.0, 60.0, 300.0)  # the null's first
_LOG_ODDS = tuple(map(math.log, _ODDS))
_CASH, _HAZARD = 0.2, 1 / 1800
_LEAST, _PSEUDO_BLOCKS = 0.3, 20.0  # of a block's variance; of φ = 1


def plain(seconds: Sequence[Second], load: Load, share: float = 1.0) -> int | None:
    """The second at which it aborts, or None. `share`: of α, for errors; the rest is spent where nothing is seen."""
    most = 1.001 / math.sqrt(share * ALPHA)
    cash, bets, evidence = _CASH, [(1 - _CASH) / len(_ODDS[1:])] * len(_ODDS[1:]), 1.0
    roughness = _Roughness()
    for start in range(0, len(seconds), load.block):
        part = seconds[start : start + load.block]
        n_c, x_c, n_s, x_s = (sum(column) for column in zip(*part, strict=True))
        flow = cash * -math.expm1(-_HAZARD * len(part))
        cash, bets = cash - flow, [bet + flow / len(bets) for bet in bets]
        table = Table(x_c, n_c, x_s, n_s)
        if not is_informative(table):
            continue
        null, *others = log_likelihoods(table, _LOG_ODDS)
        bets = [bet * math.exp((other - null) / roughness.phi) for bet, other in zip(bets, others, strict=True)]
        total = cash + sum(bets)
        cash, bets = cash / total, [bet / total for bet in bets]
        evidence *= min(total, most)
        roughness.learn(table)
        if share * evidence + 1 - share >= 1 / ALPHA:
            return start + len(part)
    return None


class _Roughness:
    """φ, around what the odds before the block make one expect."""

    def __init__(self) -> None:
        self._squares = self._blocks = _PSEUDO_BLOCKS
        self._observed = self._expected = 0.0

    @property
    def phi(self) -> float:
        return max(1.0, self._squares / self._blocks)

    def learn(self, table: Table) -> None:
        odds = max(0.2, (self._observed + 0.5) / (self._expected + 0.5))
        part = odds * table.candidate / (odds * table.candidate + table.stable)
        variance = table.events * part * (1 - part)
        self._squares += (table.candidate_events - table.events * part) ** 2 / max(variance, _LEAST)
        self._blocks += min(1.0, variance / _LEAST)
        self._observed += table.candidate_events
        self._expected += table.events * table.candidate / (table.candidate + table.stable)
