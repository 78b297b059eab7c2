"""Kill rules beside the comparison: absolute limits, for catastrophes.

A rule is looked at over windows of whole blocks, half a minute at least and with a minimum of candidate requests, and
kills when two windows in a row break it. Breaking means beyond the limit *and* worse than stable by five standard
errors (bursts included): an outage of both roles is no reason to abort, and a handful of requests no proof.

Further metrics are looked at in each block, and kill when two blocks in a row are beyond a limit. A comparison with
stable needs a full window before that: a candidate that has hardly been asked is not comparable.
"""

from __future__ import annotations

import math

import msgspec
from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.model.figures import Counts
from comporta.model.values import Value

STANDARD_ERRORS = 5.0
SHORTEST_WINDOW = 30  # seconds: a burst of one second must not fill it


class Limits(Value, frozen=True):
    """The limits; None switches one off. Rates are shares (0.02 for 2 points), times seconds.

    Attributes:
        minimum: candidate requests a window must hold.
        values: the largest that a further metric may be, by name.
        ratios: how many times stable's value it may be, by name. Where stable's is 0, nothing above 0 is allowed.
    """

    errors_above_stable: float | None = 0.02
    errors: float | None = 0.10
    latency_above_stable: float | None = 3.0
    latency: float | None = 10.0
    minimum: int = 100
    values: dict[str, float] = msgspec.field(default_factory=dict)
    ratios: dict[str, float] = msgspec.field(default_factory=dict)


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
    """The window under way, the rules that the latest full one broke, and what the latest block was beyond.

    Attributes:
        above: further metrics above their largest value, by name, each with the reason in words.
        apart: the same for those too far above stable's.
        known: some window was full.
    """

    seconds: int = 0
    candidate: Sums = Sums()
    stable: Sums = Sums()
    broken: tuple[str, ...] = ()
    above: dict[str, str] = msgspec.field(default_factory=dict)
    apart: dict[str, str] = msgspec.field(default_factory=dict)
    known: bool = False
    killed: str = ""

    @property
    def beyond(self) -> tuple[str, ...]:
        """What is wrong with further metrics now, in words."""
        return (*self.above.values(), *self.apart.values())

    def after(self, block: Block, limits: Limits, phi: float) -> Watch:
        candidate, stable = self.candidate.plus(block.candidate), self.stable.plus(block.stable)
        above, apart = values_above(block, limits), values_apart(block, limits)
        killed = self.killed or _twice(self.above, above) or (_twice(self.apart, apart) if self.known else "")
        now = replace(self, seconds=self.seconds + block.seconds, above=above, apart=apart, killed=killed)
        if candidate.requests < limits.minimum or now.seconds < SHORTEST_WINDOW:
            return replace(now, candidate=candidate, stable=stable)
        told = broken_rules(candidate, stable, limits, phi)
        killed = killed or next((reason for rule, reason in told.items() if rule in self.broken), "")
        return Watch(broken=tuple(told), above=above, apart=apart, known=True, killed=killed)


def values_above(block: Block, limits: Limits) -> dict[str, str]:
    """The further metrics above their largest value, each with the reason in words."""
    return {
        name: f"{name} is {block.values[name]:g}, above {most:g}"
        for name, most in limits.values.items()
        if block.values.get(name, most) > most
    }


def values_apart(block: Block, limits: Limits) -> dict[str, str]:
    """The further metrics above so many times stable's value; of a negative one, the magnitude is multiplied."""
    told: dict[str, str] = {}
    for name, ratio in limits.ratios.items():
        if name in block.values and name in block.stable_values:
            value, usual = block.values[name], block.stable_values[name]
            if value > usual + (ratio - 1) * abs(usual):
                told[name] = f"{name} is {value:g}, above {ratio:g} times stable's {usual:g}"
    return told


def _twice(before: dict[str, str], now: dict[str, str]) -> str:
    return next((f"{reason}, for two blocks" for name, reason in now.items() if name in before), "")


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
    return math.sqrt(phi * (_variance_of_mean(candidate) + _variance_of_mean(stable)))


def _variance_of_mean(sums: Sums) -> float:
    if not sums.successes:
        return 0.0
    return max(0.0, sums.squares / sums.successes - sums.mean_latency**2) / sums.successes
