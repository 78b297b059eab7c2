"""The group-sequential rival: the boundaries of a test with a fixed number of looks."""

import math
from functools import lru_cache
from statistics import NormalDist

NORMAL = NormalDist()
_STEP = 0.25  # of the grid, in standard deviations of one look's increment
_REACH = 9.0  # beyond so many standard deviations nothing is left
_NOTHING = 1e-12  # too little of α to be spent: no boundary yet
Density = list[tuple[float, float]]  # of the score while the test goes on: points, and the probability that each holds


@lru_cache
def boundaries(looks: int, alpha: float) -> tuple[float, ...]:
    """From which z on the candidate is aborted at each of equally spaced looks; one-sided, α in all.

    Lan and DeMets let a look at the part t of the information spend α up to 2·(1 - Φ(z_{α/2} / √t)), which comes close
    to O'Brien and Fleming's test: almost nothing at first, and nearly the test without looks at the end. Each boundary
    spends what has come due, given that none before it was reached; the score's density while the test goes on is
    carried from look to look by numerical integration.
    Sources: Lan & DeMets, "Discrete sequential boundaries for clinical trials" (1983); Armitage, McPherson & Rowe,
    "Repeated significance tests on accumulating data" (1969).
    """
    found, spent, density = [], 0.0, [(0.0, 1.0)]
    for look in range(1, looks + 1):
        due = 2 * (1 - NORMAL.cdf(NORMAL.inv_cdf(1 - alpha / 2) / math.sqrt(look / looks)))
        if due - spent < _NOTHING:
            boundary = _REACH * math.sqrt(look)
        else:
            boundary, spent = _boundary(density, due - spent, _REACH * math.sqrt(look)), due
        found.append(boundary / math.sqrt(look))
        density = _continued(density, boundary, -_REACH * math.sqrt(look))
    return tuple(found)


def _boundary(density: Density, spend: float, highest: float) -> float:
    """The score that the next one exceeds with the probability `spend`: by bisection."""
    low, high = -highest, highest
    for _ in range(50):
        middle = (low + high) / 2
        beyond = sum(weight * 0.5 * math.erfc((middle - score) / math.sqrt(2)) for score, weight in density)
        low, high = (middle, high) if beyond > spend else (low, middle)
    return high


def _continued(density: Density, boundary: float, lowest: float) -> Density:
    """The density one look later, below the boundary: trapezoids on a grid that ends there."""
    points = [boundary - _STEP * place for place in range(int((boundary - lowest) / _STEP) + 1)]
    scale = _STEP / math.sqrt(2 * math.pi)
    weights = [
        scale * sum([weight * math.exp(-0.5 * (point - score) ** 2) for score, weight in density]) for point in points
    ]
    return [(points[0], weights[0] / 2), *zip(points[1:], weights[1:], strict=True)]
