"""What the present traffic can tell, and when: for the plan, before anything is started.

Evidence grows by a rate per second (an expected log e-value), so a level is reached after level / growth. Rates are
requests a second, shares 0 to 1, times seconds; never is infinity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from comporta.analysis.blocks import block_seconds
from comporta.analysis.judge import Settings
from comporta.analysis.latency import PRIOR as LATENCY_PRIOR
from comporta.analysis.memory import Memory
from comporta.analysis.proof import project
from comporta.analysis.rates import PRIOR as ERRORS_PRIOR
from comporta.analysis.scores import PROOF_SHARE
from comporta.analysis.wealth import CASH
from comporta.model.histogram import SECONDS
from comporta.model.values import Value

_SMALL, _LARGE = 1e-6, 1.0


class Traffic(Value, frozen=True):
    """What is known before a rollout.

    Attributes:
        candidate: requests a second that the candidate will get.
        stable: the same for stable.
        error_rate: of stable.
        log_spread: standard deviation of the logarithm of stable's latencies; None if unknown.
    """

    candidate: float
    stable: float
    error_rate: float
    log_spread: float | None = None


class Forecast(Value, frozen=True):
    """What to expect; None stands for never, or unknown.

    Attributes:
        block: how long one block will be.
        outage: time until a candidate that fails every request is stopped.
        more_errors: the smallest rise of the error rate, in a share of requests, that is found within the horizon.
        slower: the smallest factor on all latencies that is found within it.
        proof: time to the proof that an equal candidate is no worse, bake aside.
    """

    block: int
    outage: float | None
    more_errors: float | None
    slower: float | None
    proof: float | None


def forecast(settings: Settings, traffic: Traffic, horizon: float) -> Forecast:
    """What is found within `horizon`, in the median of rollouts, roughly."""
    return Forecast(
        block=block_seconds(traffic.candidate, traffic.stable),
        outage=_finite(time_to_detect(settings, traffic, 1 - traffic.error_rate)),
        more_errors=smallest_rise(settings, traffic, horizon),
        slower=smallest_slowdown(settings, traffic, horizon),
        proof=_finite(time_to_proof(settings, traffic)),
    )


def log_spread(memory: Memory) -> float | None:
    """The standard deviation of the logarithm of what a role's latencies were; None while there are too few."""
    if not memory.ready:
        return None
    logs = [(math.log(SECONDS[bucket]), weight) for bucket, weight in memory.settled]
    mean = sum(log * weight for log, weight in logs) / memory.total
    return math.sqrt(sum((log - mean) ** 2 * weight for log, weight in logs) / memory.total)


def time_to_detect(settings: Settings, traffic: Traffic, rise: float) -> float:
    """Until a rise of the error rate aborts: at the end of a block, and of the second at the earliest."""
    block = block_seconds(traffic.candidate, traffic.stable)
    growth = _growth_of_errors(traffic, rise)
    level = _level(settings, settings.errors_share, ERRORS_PRIOR)
    return block * max(2, math.ceil(level / growth / block)) if growth > 0 else math.inf


def smallest_rise(settings: Settings, traffic: Traffic, horizon: float) -> float | None:
    """The smallest rise found within the horizon, by bisection; None if even an outage is not."""
    low, high = _SMALL, _LARGE - traffic.error_rate
    if time_to_detect(settings, traffic, high) > horizon:
        return None
    for _ in range(50):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if time_to_detect(settings, traffic, middle) <= horizon else (middle, high)
    return high


def smallest_slowdown(settings: Settings, traffic: Traffic, horizon: float) -> float | None:
    """The factor e^(d·σ) whose shift d grows to the level by d²/2 for each effective request."""
    effective = _effective_rate(traffic) * horizon
    if traffic.log_spread is None or not effective:
        return None
    level = _level(settings, settings.latency_share, LATENCY_PRIOR)
    return math.exp(traffic.log_spread * math.sqrt(2 * level / effective))


def time_to_proof(settings: Settings, traffic: Traffic) -> float:
    """Until an equal candidate is proven no worse in errors and in latency, bake aside."""
    growths = (
        _growth_of_proof(traffic, max(traffic.error_rate, _SMALL), settings.margin),
        _growth_of_proof(traffic, 1 - PROOF_SHARE, settings.latency_margin),
    )
    level = settings.promotion_level - math.log(0.7)
    return level / min(growths) if min(growths) > 0 else math.inf


def _level(settings: Settings, share: float, prior: Sequence[float]) -> float:
    """The log-evidence that the favourite alternative must bring: the budget's share, and its part of the stake."""
    return settings.abort_level - math.log(share) - math.log((1 - CASH) * max(prior))


def _growth_of_errors(traffic: Traffic, rise: float) -> float:
    """Errors a second, times what each tells: KL of the candidate's part of errors from its share of requests."""
    of_candidate = traffic.candidate * min(1.0, traffic.error_rate + rise)
    errors = of_candidate + traffic.stable * traffic.error_rate
    if not traffic.candidate or not traffic.stable or not errors:
        return 0.0
    return errors * _divergence(of_candidate / errors, traffic.candidate / (traffic.candidate + traffic.stable))


def _growth_of_proof(traffic: Traffic, rate: float, margin: float) -> float:
    if not traffic.candidate or rate >= 1 - margin:
        return 0.0
    boundary = project(traffic.candidate, rate, traffic.stable, rate, margin)
    candidate = traffic.candidate * _divergence(rate, boundary + margin)
    return candidate + traffic.stable * _divergence(rate, boundary)


def _effective_rate(traffic: Traffic) -> float:
    total = traffic.candidate + traffic.stable
    return traffic.candidate * traffic.stable / total if total else 0.0


def _divergence(p: float, q: float) -> float:
    """KL(Bernoulli p ‖ Bernoulli q), of a p above 0."""
    return p * math.log(p / q) + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else 0.0)


def _finite(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds
