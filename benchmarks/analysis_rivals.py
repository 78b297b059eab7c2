"""What others do with the same counts. Each returns the second at which it aborts, or None.

They see whole minutes or a sliding minute, as they do in production, and compare as their documentation suggests.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

from analysis_sequential import boundaries
from analysis_traffic import Second

MINUTE, HOUR = 60, 3600
ALPHA = 0.01
POINTS = 0.02  # the runbook: two points above stable
ABSOLUTE = 0.10  # the runbook: more than 10 %
Rival = Callable[[Sequence[Second]], int | None]


def _sums(seconds: Sequence[Second]) -> list[Second]:
    """Cumulated counts, beginning with none."""
    columns = [list(accumulate(column, initial=0)) for column in zip(*seconds, strict=True)]
    return [Second(*row) for row in zip(*columns, strict=True)]


def _rates(sums: Sequence[Second], end: int, length: int = MINUTE) -> tuple[float, float]:
    now, then = sums[end], sums[end - length]
    n_c, x_c, n_s, x_s = (a - b for a, b in zip(now, then, strict=True))
    return x_c / n_c if n_c else 0.0, x_s / n_s if n_s else 0.0


def runbook(seconds: Sequence[Second], points: float = POINTS, absolute: float = ABSOLUTE) -> int | None:
    """A sliding minute, looked at every second: stable + 2 points, or above 10 %."""
    sums = _sums(seconds)
    for end in range(MINUTE, len(sums)):
        candidate, stable = _rates(sums, end)
        if candidate > stable + points or candidate > absolute:
            return end
    return None


def worst_excess(seconds: Sequence[Second]) -> float:
    """The largest excess over stable that a sliding minute shows: to calibrate the runbook's rule by."""
    sums = _sums(seconds)
    rates = (_rates(sums, end) for end in range(MINUTE, len(sums)))
    return max(candidate - stable for candidate, stable in rates)


def _minutes(seconds: Sequence[Second]) -> list[tuple[float, float]]:
    sums = _sums(seconds)
    return [_rates(sums, end) for end in range(MINUTE, len(sums), MINUTE)]


def flagger(seconds: Sequence[Second], threshold: int = 5) -> int | None:
    """Five failed checks in all, one a minute; a check compares as the runbook does."""
    failed = 0
    for minute, (candidate, stable) in enumerate(_minutes(seconds), 1):
        failed += candidate > stable + POINTS
        if failed == threshold:
            return minute * MINUTE
    return None


def argo(seconds: Sequence[Second], failure_limit: int = 1, success: float = 0.95) -> int | None:
    """One measurement a minute must succeed in 95 % of requests; more failures than the limit abort."""
    failed = 0
    for minute, (candidate, _) in enumerate(_minutes(seconds), 1):
        failed += 1 - candidate < success
        if failed > failure_limit:
            return minute * MINUTE
    return None


def kayenta(seconds: Sequence[Second], points: int = 10) -> int | None:
    """Every ten minutes, a Mann-Whitney test at 98 % of the latest ten per-minute error rates of each role."""
    minutes = _minutes(seconds)
    for end in range(points, len(minutes) + 1, points):
        candidate, stable = zip(*minutes[end - points : end], strict=True)
        if mann_whitney(candidate, stable) > 2.326:
            return end * MINUTE
    return None


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> float:
    """By how many standard deviations the wins of `a` over `b` exceed their mean; ties count half."""
    wins = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    pooled, n = [*a, *b], len(a) + len(b)
    ties = sum(pooled.count(value) ** 3 - pooled.count(value) for value in set(pooled))
    variance = len(a) * len(b) / 12 * (n + 1 - ties / (n * (n - 1)))
    return (wins - len(a) * len(b) / 2) / math.sqrt(variance) if variance > 0 else 0.0


def mixture_sprt(seconds: Sequence[Second], tau: float = 0.02) -> int | None:
    """Johari et al. (2017): a normal mixture over the difference of the cumulated rates, looked at every second."""
    for end, (n_c, x_c, n_s, x_s) in enumerate(_sums(seconds)):
        if not x_c or not n_s:
            continue
        difference, variance = _difference(n_c, x_c, n_s, x_s)
        spread = variance + tau * tau
        evidence = 0.5 * math.log(variance / spread) + (tau * difference) ** 2 / (2 * variance * spread)
        if difference > 0 and evidence >= -math.log(ALPHA):
            return end
    return None


def group_sequential(seconds: Sequence[Second]) -> int | None:
    """A z-test of the cumulated rates at the end of each minute, against boundaries that spend α over an hour."""
    sums = _sums(seconds)
    for end, boundary in zip(range(MINUTE, len(sums), MINUTE), boundaries(HOUR // MINUTE, ALPHA), strict=False):
        if not sums[end].candidate or not sums[end].stable:
            continue
        difference, variance = _difference(*sums[end])
        if difference >= boundary * math.sqrt(variance):
            return end
    return None


def _difference(n_c: int, x_c: int, n_s: int, x_s: int) -> tuple[float, float]:
    """Of both rates, and its variance at the pooled rate."""
    pooled = (x_c + x_s) / (n_c + n_s)
    return x_c / n_c - x_s / n_s, max(1e-12, pooled * (1 - pooled) * (1 / n_c + 1 / n_s))


def oracle(seconds: Sequence[Second], base: float, rise: float, begin: int = 0) -> int | None:
    """Knows both rates and when the worse one begins: Wald's likelihood ratio of the candidate's errors."""
    bad = min(1 - 1e-9, base + rise)
    error, success = math.log(bad / base), math.log((1 - bad) / (1 - base))
    evidence = 0.0
    for end, second in enumerate(seconds[begin:], begin + 1):
        evidence += second.candidate_errors * error + (second.candidate - second.candidate_errors) * success
        if evidence >= -math.log(ALPHA):
            return end
    return None


RIVALS: dict[str, Rival] = {
    "runbook rule": runbook,
    "Flagger": flagger,
    "Argo": argo,
    "Kayenta": kayenta,
    "group sequential": group_sequential,
    "mixture SPRT": mixture_sprt,
}


def calibrated(points: float) -> Rival:
    """The runbook's rule with the excess that a healthy candidate exceeds in α of the runs."""
    return partial(runbook, points=points, absolute=1.0)
