"""The judge: settings and a state that grows block by block, and the verdict at any moment.

Rules: a block is taken once and in order (skipping one is harmless, replaying one is not); evidence is carried through
changes of weights and never reset; what was judged to fail stays failed.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from comporta.analysis.blocks import Block
from comporta.analysis.latency import Latency, LatencyRules
from comporta.analysis.limits import Limits, Watch
from comporta.analysis.rates import RateRules, Rates
from comporta.analysis.sentinels import SENTINEL_EVIDENCE, ShareTest, Silence
from comporta.analysis.wealth import log_cap
from comporta.model.errors import ComportaError
from comporta.model.figures import Counts
from comporta.model.values import Value


class BlockReplayed(ComportaError):
    """A block was given twice, or out of order: counting it again would count its evidence again."""


class Settings(Value, frozen=True):
    """How strict to be. Shares and rates are 0 to 1, times seconds.

    Attributes:
        alpha: the probability of aborting a healthy candidate, over the whole rollout and all metrics.
        beta: the probability of promoting one that is worse by a margin.
        errors_share: the part of alpha that is spent on error rates; the rest is spent on latency.
        harm: the smallest odds ratio of errors that counts as harm.
        margin: how many more errors would be too many to promote.
        latency_margin: how many more requests above the stable's 95 % point would be too many to promote.
        latency_tolerance: how much slower is fine.
        latency_floor: below this latency, faster or slower makes no difference to anybody.
        bake: the youngest age at which a candidate is promoted.
        warm_up: how long a cold candidate's latencies are not judged.
        window: without a request for this long there is no data.
    """

    alpha: float = 0.01
    beta: float = 0.05
    errors_share: float = 0.6
    harm: float = 1.0
    margin: float = 0.01
    latency_margin: float = 0.05
    latency_tolerance: float = 0.0
    latency_floor: float = 0.005
    bake: float = 300.0
    warm_up: float = 30.0
    window: float = 60.0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        shares = {"alpha": self.alpha, "beta": self.beta, "errors_share": self.errors_share}
        margins = {"margin": self.margin, "latency_margin": self.latency_margin}
        wrong = [name for name, value in {**shares, **margins}.items() if not 0 < value < 1]
        if wrong:
            raise ValueError(f"{wrong[0]} must lie between 0 and 1")
        if self.harm < 1 or self.latency_tolerance < 0:
            raise ValueError("harm must be at least 1 and latency_tolerance at least 0")

    @property
    def latency_share(self) -> float:
        return 1 - self.errors_share

    @property
    def abort_level(self) -> float:
        """log(1/α)."""
        return -math.log(self.alpha)

    @property
    def promotion_level(self) -> float:
        """log(1/β)."""
        return -math.log(self.beta)

    @property
    def rate_rules(self) -> RateRules:
        return RateRules.of(self.harm, log_cap(self.errors_share, self.alpha), self.margin)

    @property
    def latency_rules(self) -> LatencyRules:
        cap = log_cap(self.latency_share, self.alpha)
        return LatencyRules(
            tolerance=self.latency_tolerance, floor=self.latency_floor, log_cap=cap, margin=self.latency_margin
        )


class State(Value, frozen=True):
    """All that is remembered between blocks; journal it with each block, in one write.

    Attributes:
        started: when the first block began; None before it.
        until: when the latest block ended.
        latest_request: the end of the latest block in which a request was answered.
        failed: why the candidate failed; empty while it has not.
    """

    started: int | None = None
    until: int | None = None
    latest_request: int | None = None
    failed: str = ""
    errors: Rates = Rates()
    latency: Latency = Latency()
    sentinel: Rates = Rates()
    share: ShareTest = ShareTest()
    silence: Silence = Silence()
    watch: Watch = Watch()


def begin(before: Counts | None = None) -> State:
    """The state before the first block, seeded with the stable role's last five minutes, where there were any."""
    if before is None:
        return State()
    errors = Rates()
    return State(
        errors=replace(errors, proof=errors.proof.seeded(before.errors, before.requests)),
        latency=Latency.seeded(before.latencies),
    )


def update(settings: Settings, state: State, block: Block) -> State:
    """The state after one more block.

    Raises:
        BlockReplayed: the block begins before the latest one ended.
    """
    if state.until is not None and block.start < state.until:
        raise BlockReplayed(f"cannot take the block of second {block.start}: already counted up to {state.until}")
    started = block.start if state.started is None else state.started
    rate_rules = settings.rate_rules
    after = replace(
        state,
        started=started,
        until=block.end,
        latest_request=block.end if block.errors.trials else state.latest_request,
        errors=state.errors.after(block.errors, block.seconds, rate_rules),
        latency=_latency_after(settings, state.latency, block, warm=block.start - started >= settings.warm_up),
        sentinel=_sentinel_after(state.sentinel, block, rate_rules),
        share=state.share.after(block),
        silence=state.silence.after(block),
        watch=state.watch.after(block, settings.limits, state.errors.dispersion.phi),
    )
    return after if after.failed else replace(after, failed=_failure(settings, after))


def log_evidence(settings: Settings, state: State) -> float:
    """The log of the weighted mean of the metrics' evidence: one budget for all of them."""
    parts = _weighted(settings, state)
    top = max(parts)
    return top + math.log(sum(math.exp(part - top) for part in parts))


def _weighted(settings: Settings, state: State) -> tuple[float, float]:
    """Log-evidence of errors and of latency, each with its share of the budget."""
    return (
        math.log(settings.errors_share) + state.errors.wealth.log_total,
        math.log(settings.latency_share) + state.latency.wealth.log_total,
    )


def _failure(settings: Settings, state: State) -> str:
    if state.watch.killed:
        return state.watch.killed
    if log_evidence(settings, state) < settings.abort_level or untrusted(state):
        return ""
    errors, latency = _weighted(settings, state)
    return (
        "the candidate fails more requests than stable" if errors >= latency else "the candidate is slower than stable"
    )


def untrusted(state: State) -> bool:
    """One stable instance, judged as if it were the candidate, would be found worse: routing is not random enough."""
    return state.sentinel.wealth.log_total >= SENTINEL_EVIDENCE


def _latency_after(settings: Settings, latency: Latency, block: Block, *, warm: bool) -> Latency:
    stable = block.stable.latencies
    if not warm:
        return latency.warming(stable, block.seconds)
    return latency.after(block.candidate.latencies, stable, block.seconds, settings.latency_rules)


def _sentinel_after(sentinel: Rates, block: Block, rules: RateRules) -> Rates:
    table = block.sentinel_errors
    return sentinel if table is None else sentinel.after(table, block.seconds, rules)
