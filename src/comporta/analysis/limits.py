"""Kill rules beside the comparison: absolute limits, for catastrophes.

A rule is looked at over windows of whole blocks, half a minute at least and with a minimum of candidate requests, and
kills when two windows in a row break it. Breaking means beyond the limit *and* worse than stable by four standard
errors (bursts included): an outage of both roles is no reason to abort, and a handful of requests no proof.
"""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.model.figures import Counts
from comporta.model.values import Value

STANDARD_ERRORS = 4.0
SHORTEST_WINDOW = 30  # seconds: a burst of one second must not fill it


class Limits(Value, frozen=True):
    """The limits; None switches one off. Rates are shares (0.02 for 2 points), times seconds.

    Attributes:
        minimum: candidate requests a window must hold.
        values: the largest that a further metric may be, by name; two blocks in a row beyond it kill.
    """

    errors_above_stable: float | None = 0.02
    errors: float | None = 0.10
    latency_above_stable: float | None = 3.0
    latency: float | None = 10.0
    minimum: int = 100
    values: dict[str, float] = msgspec.field(default_factory=dict)


class Sums(Value, frozen=True):
    """A role's part of a window: enough for means and their standard errors."""

    requests: int = 0
    errors: int = 0
    successes: int = 0
    seconds: float = 0.0
    squares: float = 0.0

    def plus(self, counts: Counts) -> Sums:
        seconds, squares = counts.latencies.moments()
        return Sums(
            requests=self.requests + counts.requests,
            errors=self.errors + counts.errors,
            successes=self.successes + counts.latencies.total,
            seconds=self.seconds + seconds,
            squares=self.squares + squares,
        )

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean_latency(self) -> float:
        return self.seconds / self.successes if self.successes else 0.0


class Watch(Value, frozen=True):
    """The window under way, and the rules that the latest full one, or the latest block, broke."""

    seconds: int = 0
    candidate: Sums = Sums()
    stable: Sums = Sums()
    broken: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    killed: str = ""

    def after(self, block: Block, limits: Limits, phi: float) -> Watch:
        candidate, stable = self.candidate.plus(block.candidate), self.stable.plus(block.stable)
        beyond = tuple(sorted(name for name, most in limits.values.items() if block.values.get(name, most) > most))
        killed = self.killed or _value_told(self.beyond, beyond, block, limits)
        seconds = self.seconds + block.seconds
        if candidate.requests < limits.minimum or seconds < SHORTEST_WINDOW:
            return replace(self, seconds=seconds, candidate=candidate, stable=stable, beyond=beyond, killed=killed)
        told = broken_rules(candidate, stable, limits, phi)
        killed = killed or next((reason for rule, reason in told.items() if rule in self.broken), "")
        return Watch(broken=tuple(told), beyond=beyond, killed=killed)


def _value_told(before: tuple[str, ...], now: tuple[str, ...], block: Block, limits: Limits) -> str:
    name = next((name for name in now if name in before), None)
    return f"{name} is {block.values[name]:g}, above {limits.values[name]:g}, for two blocks" if name else ""


def broken_rules(candidate: Sums, stable: Sums, limits: Limits, phi: float) -> dict[str, str]:
    """The rules that a window breaks, each with the reason in words."""
    told: dict[str, str] = {}
    rate, reference = candidate.error_rate, stable.error_rate
    if rate - reference > STANDARD_ERRORS * _error_of_rates(candidate, stable, phi):
        if _beyond(limits.errors, rate):
            told["errors"] = f"the candidate fails {rate:.1%} of requests, above {limits.errors:.1%}"
        if _beyond(limits.errors_above_stable, rate - reference):
            told["errors-above-stable"] = f"the candidate fails {rate:.1%} of requests, stable {reference:.1%}"
    mean, usual = candidate.mean_latency, stable.mean_latency
    if mean - usual > STANDARD_ERRORS * _error_of_means(candidate, stable, phi):
        if _beyond(limits.latency, mean):
            told["latency"] = f"the candidate takes {mean:.1f} s on average, above {limits.latency:g} s"
        if _beyond(limits.latency_above_stable, mean - usual):
            told["latency-above-stable"] = f"the candidate takes {mean:.1f} s on average, stable {usual:.1f} s"
    return told


def _beyond(limit: float | None, value: float) -> bool:
    return limit is not None and value > limit


def _error_of_rates(candidate: Sums, stable: Sums, phi: float) -> float:
    """Standard error of the difference, at the pooled rate."""
    requests = candidate.requests + stable.requests
    pooled = (candidate.errors + stable.errors) / requests if requests else 0.0
    each = 1 / max(1, candidate.requests) + 1 / max(1, stable.requests)
    return math.sqrt(phi * pooled * (1 - pooled) * each)


def _error_of_means(candidate: Sums, stable: Sums, phi: float) -> float:
    """Standard error of the difference of both means."""
    variances = [_variance(sums) / max(1, sums.successes) for sums in (candidate, stable)]
    return math.sqrt(phi * sum(variances))


def _variance(sums: Sums) -> float:
    return max(0.0, sums.squares / sums.successes - sums.mean_latency**2) if sums.successes else 0.0
