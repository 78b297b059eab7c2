"""Traffic for the analysis benchmark: seeded counts per second for both roles, and latencies as histograms."""

import math
import random
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from comporta.analysis.blocks import Block, block_seconds
from comporta.model.figures import Counts
from comporta.model.histogram import BUCKETS, RELATIVE_WIDTH, Histogram, bucket_of

Rates = list[tuple[float, float]]  # (candidate, stable) a second
MEDIAN, SIGMA = 0.080, 0.6  # seconds; of the log-normal latencies
SLOW_EXTRA = 5.0  # seconds that a request of the slow tail takes longer
_POOL = 1 << 16
_BURST, _BURST_FACTOR = 1 / 50, 20.0


class Second(NamedTuple):
    """Requests and errors of both roles."""

    candidate: int
    candidate_errors: int
    stable: int
    stable_errors: int


class Load(NamedTuple):
    """How much traffic there is: requests a second, and the candidate's share."""

    rate: float
    share: float = 0.05

    @property
    def block(self) -> int:
        return block_seconds(self.rate * self.share, self.rate * (1 - self.share))


def steady(base: float, seconds: int, _: random.Random) -> Rates:
    return [(base, base)] * seconds


def drift(base: float, seconds: int, rng: random.Random) -> Rates:
    """Both roles together between a third and three times the base, over twenty minutes."""
    phase = rng.random()
    rates = [base * 3 ** math.sin(2 * math.pi * (t / 1200 + phase)) for t in range(seconds)]
    return [(rate, rate) for rate in rates]


def outage(base: float, seconds: int, rng: random.Random) -> Rates:
    """A shared dependency is down for 20 s: half of all requests fail, whoever serves them."""
    begin = rng.randrange(60, seconds - 20)
    return [(0.5, 0.5) if begin <= t < begin + 20 else (base, base) for t in range(seconds)]


def correlated(base: float, seconds: int, rng: random.Random) -> Rates:
    """Each second has its own error rate, the same for both: the base times a gamma variable of mean 1."""
    rates = [min(0.5, base * rng.gammavariate(0.5, 2)) for _ in range(seconds)]
    return [(rate, rate) for rate in rates]


def bursts(base: float, seconds: int, rng: random.Random) -> Rates:
    """Each role on its own has, once in 50 s, a second with twenty times the errors."""
    return [(_bursty(base, rng), _bursty(base, rng)) for _ in range(seconds)]


def candidate_bursts(base: float, seconds: int, rng: random.Random) -> Rates:
    """As `bursts`, but in the candidate only; its mean rate is the stable's."""
    return [(_bursty(base, rng), base) for _ in range(seconds)]


def _bursty(base: float, rng: random.Random) -> float:
    high = min(0.5, base * _BURST_FACTOR)
    return high if rng.random() < _BURST else (base - high * _BURST) / (1 - _BURST)


NULLS: dict[str, Callable[[float, int, random.Random], Rates]] = {
    "steady": steady,
    "drift of both": drift,
    "outage of both, 20 s": outage,
    "correlated in a second": correlated,
    "bursts, one role at a time": bursts,
    "bursts, candidate only": candidate_bursts,
}


def worse(base: float, rise: float, seconds: int, begin: int = 0) -> Rates:
    """The candidate's rate is higher by `rise` from second `begin` on."""
    return [(min(1.0, base + rise) if t >= begin else base, base) for t in range(seconds)]


def draw(rates: Rates, load: Load, rng: random.Random) -> list[Second]:
    """Poisson arrivals, of which each fails independently at the second's rate."""
    candidates = _poisson(load.rate * load.share, len(rates), rng)
    stables = _poisson(load.rate * (1 - load.share), len(rates), rng)
    return [
        Second(n_c, binomial(n_c, p_c, rng), n_s, binomial(n_s, p_s, rng))
        for n_c, n_s, (p_c, p_s) in zip(candidates, stables, rates, strict=True)
    ]


def _poisson(mean: float, how_many: int, rng: random.Random) -> list[int]:
    cumulated = _poisson_table(mean)
    return [bisect(cumulated, rng.random()) for _ in range(how_many)]


@lru_cache
def _poisson_table(mean: float) -> list[float]:
    last = int(mean + 12 * math.sqrt(mean) + 20)
    return list(accumulate(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(last)))


def binomial(n: int, p: float, rng: random.Random) -> int:
    """By geometric gaps between successes: quick where they are few."""
    if p > 0.5:
        return n - binomial(n, 1 - p, rng)
    if p <= 0 or not n:
        return 0
    successes, place, scale = 0, 0, 1 / math.log1p(-p)
    while True:
        place += int(math.log(1 - rng.random()) * scale) + 1
        if place > n:
            return successes
        successes += 1


class Slowness(NamedTuple):
    """What latencies are multiplied by in a second, per role, and the candidate's share of requests with +5 s."""

    candidate: float = 1.0
    stable: float = 1.0
    tail: float = 0.0


def slowness(name: str, seconds: int, rng: random.Random) -> list[Slowness]:
    """The null scenarios of latency, under the names of `NULLS`."""
    phase, begin = rng.random(), rng.randrange(60, max(61, seconds - 20))

    def at(t: int) -> Slowness:
        if name == "drift of both":
            return _both(1.5 ** math.sin(2 * math.pi * (t / 1200 + phase)))
        if name == "outage of both, 20 s":
            return _both(5.0 if begin <= t < begin + 20 else 1.0)
        if name == "correlated in a second":
            return _both(math.exp(rng.gauss(0, 0.3)))
        if name == "bursts, one role at a time":
            return Slowness(*[2.0 if rng.random() < _BURST else 1.0 for _ in range(2)])
        return Slowness()

    return [at(t) for t in range(seconds)]


def _both(factor: float) -> Slowness:
    return Slowness(factor, factor)


@lru_cache
def _pools() -> tuple[list[int], list[int]]:
    """Buckets of usual and of slow latencies."""
    rng = random.Random(0)
    usual = [MEDIAN * math.exp(SIGMA * rng.gauss(0, 1)) for _ in range(_POOL)]
    return [bucket_of(seconds) for seconds in usual], [bucket_of(seconds + SLOW_EXTRA) for seconds in usual]


def latencies(n: int, factor: float, tail: float, rng: random.Random) -> Histogram:
    usual, slow = _pools()
    of_tail = binomial(n, tail, rng)
    shift = round(math.log(factor) / math.log1p(RELATIVE_WIDTH))
    drawn = Counter(_picked(usual, n - of_tail, rng))
    drawn.update(_picked(slow, of_tail, rng))
    counts: dict[int, int] = {}
    for bucket, count in drawn.items():
        shifted = min(BUCKETS - 1, bucket + shift)
        counts[shifted] = counts.get(shifted, 0) + count
    return Histogram(counts=counts)


def _picked(pool: list[int], how_many: int, rng: random.Random) -> Iterator[int]:
    """Values of a pool of `_POOL`, with replacement; two random bytes choose one."""
    return map(pool.__getitem__, memoryview(rng.randbytes(2 * how_many)).cast("H"))


def before(load: Load, base: float, rng: random.Random, timed: bool) -> Counts:
    """Five minutes of stable, before the rollout."""
    n = round(load.rate * 300)
    return Counts(
        requests=n,
        app_errors=binomial(n, base, rng),
        latencies=latencies(min(n, 20_000), 1.0, 0.0, rng) if timed else Histogram(),
    )


def blocks(seconds: list[Second], load: Load, slow: list[Slowness] | None, rng: random.Random) -> Iterator[Block]:
    """The seconds in blocks of the length that the analysis asks for; without `slow`, no latencies."""
    for at in range(0, len(seconds), load.block):
        yield _block(seconds[at : at + load.block], at, slow, load, rng)


def _block(part: list[Second], start: int, slow: list[Slowness] | None, load: Load, rng: random.Random) -> Block:
    candidate, stable = Counts(), Counts()
    for place, second in enumerate(part):
        of_candidate = of_stable = Histogram()
        if slow is not None:
            now = slow[start + place]
            of_candidate = latencies(second.candidate - second.candidate_errors, now.candidate, now.tail, rng)
            of_stable = latencies(second.stable - second.stable_errors, now.stable, 0.0, rng)
        candidate = candidate.plus(
            Counts(requests=second.candidate, app_errors=second.candidate_errors, latencies=of_candidate)
        )
        stable = stable.plus(Counts(requests=second.stable, app_errors=second.stable_errors, latencies=of_stable))
    return Block(start=start, seconds=len(part), candidate=candidate, stable=stable, share=load.share)
