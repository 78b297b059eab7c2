"""What the analysis says at a moment: a verdict, why, and the evidence to show beside it."""

from __future__ import annotations

import enum
import math

from comporta.analysis.intervals import Interval, odds_interval, rate_interval
from comporta.analysis.judge import Settings, State, log_evidence, untrusted
from comporta.analysis.memory import Memory
from comporta.analysis.sentinels import SHARE_EVIDENCE
from comporta.model.values import Value


class Kind(enum.StrEnum):
    """The four verdicts. Only `pass` promotes; only `fail` aborts."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no-data"


class ErrorEffect(Value, frozen=True):
    """Error rates as shares of requests; the odds ratio is 1 when both are alike. Its upper end is None if unknown."""

    candidate: Interval
    stable: Interval
    odds_ratio: float
    odds_low: float
    odds_high: float | None


class LatencyEffect(Value, frozen=True):
    """Latencies of late in seconds (None without data), and the share slower than the stable's 95 % point."""

    candidate_p50: float | None
    candidate_p95: float | None
    candidate_p99: float | None
    stable_p50: float | None
    stable_p95: float | None
    stable_p99: float | None
    candidate_slow: Interval
    stable_slow: Interval


class Verdict(Value, frozen=True):
    """The judgement at a moment.

    Attributes:
        kind: the verdict.
        reasons: why, in words, the weightiest first.
        towards_abort: evidence as percent of the way to aborting, on a log scale.
        towards_promotion: the same for the proof of being no worse; of all metrics the least.
        candidate_requests: how many of the candidate's requests were judged.
        stable_requests: the same for stable.
        seconds: how long the candidate has been judged.
    """

    kind: Kind
    reasons: tuple[str, ...]
    towards_abort: float
    towards_promotion: float
    candidate_requests: int
    stable_requests: int
    seconds: float
    errors: ErrorEffect
    latency: LatencyEffect


INTERVAL_ERROR = 0.05
DOUBT = 1.0  # log-evidence of harm from which on nothing is promoted


def verdict(settings: Settings, state: State, at: float) -> Verdict:
    """The judgement at `at`, in seconds of the blocks' clock."""
    kind, reasons = _judgement(settings, state, at)
    evidence = log_evidence(settings, state)
    proof = min(_proofs(state).values())
    totals = state.errors.totals
    return Verdict(
        kind=kind,
        reasons=reasons,
        towards_abort=100.0 if kind is Kind.FAIL else _percent(evidence, settings.abort_level),
        towards_promotion=_percent(proof, settings.promotion_level),
        candidate_requests=totals.candidate,
        stable_requests=totals.stable,
        seconds=_age(state, at),
        errors=_error_effect(settings, state),
        latency=_latency_effect(state),
    )


def _judgement(settings: Settings, state: State, at: float) -> tuple[Kind, tuple[str, ...]]:
    if state.failed:
        return Kind.FAIL, (state.failed,)
    if state.latest_request is None or at - state.latest_request > settings.window:
        return Kind.NO_DATA, (f"no request was answered in the last {settings.window:g} s",)
    reasons = (*state.watch.beyond, *_distrust(state), *_lacking(settings, state, at))
    return (Kind.INCONCLUSIVE, reasons) if reasons else (Kind.PASS, ("proven no worse than the margins",))


def _distrust(state: State) -> list[str]:
    """Why the comparison itself is in doubt."""
    reasons = []
    if untrusted(state):
        reasons.append("one stable instance differs from the others as a bad candidate would: routing is not random")
    if state.silence.too_long:
        reasons.append(f"{state.silence.due:.0f} requests were due to the candidate, and none came")
    if state.share.log_total >= SHARE_EVIDENCE:
        reasons.append("the candidate does not get the share of requests that it was given")
    return reasons


def _lacking(settings: Settings, state: State, at: float) -> list[str]:
    """What is still missing for a promotion."""
    reasons = [
        f"{metric}: {_percent(proof, settings.promotion_level):.0f} % of the proof of being no worse"
        for metric, proof in _proofs(state).items()
        if proof < settings.promotion_level
    ]
    if log_evidence(settings, state) >= DOUBT:
        reasons.append("there is some evidence of harm")
    if _age(state, at) < settings.bake:
        reasons.append(f"{_age(state, at):.0f} s of {settings.bake:g} s under traffic")
    return reasons


def _proofs(state: State) -> dict[str, float]:
    return {"errors": state.errors.proof.log_total, "latency": state.latency.proof.log_total}


def _age(state: State, at: float) -> float:
    return 0.0 if state.started is None else max(0.0, at - state.started)


def _percent(evidence: float, level: float) -> float:
    return min(100.0, max(0.0, 100 * evidence / level))


def _error_effect(settings: Settings, state: State) -> ErrorEffect:
    totals, phi = state.errors.totals, state.errors.dispersion.phi
    odds = odds_interval(state.errors.likelihoods, settings.rate_rules.log_odds, INTERVAL_ERROR)
    return ErrorEffect(
        candidate=rate_interval(totals.candidate_events, totals.candidate, INTERVAL_ERROR, phi),
        stable=rate_interval(totals.stable_events, totals.stable, INTERVAL_ERROR, phi),
        odds_ratio=odds.estimate,
        odds_low=odds.low,
        odds_high=None if math.isinf(odds.high) else odds.high,
    )


def _latency_effect(state: State) -> LatencyEffect:
    slow, phi = state.latency.slow, state.latency.tail.phi
    candidate, stable = state.latency.candidate, state.latency.stable
    return LatencyEffect(
        candidate_p50=_quantile(candidate, 0.50),
        candidate_p95=_quantile(candidate, 0.95),
        candidate_p99=_quantile(candidate, 0.99),
        stable_p50=_quantile(stable, 0.50),
        stable_p95=_quantile(stable, 0.95),
        stable_p99=_quantile(stable, 0.99),
        candidate_slow=rate_interval(slow.candidate_events, slow.candidate, INTERVAL_ERROR, phi),
        stable_slow=rate_interval(slow.stable_events, slow.stable, INTERVAL_ERROR, phi),
    )


def _quantile(memory: Memory, share: float) -> float | None:
    seconds = memory.quantile(share)
    return None if math.isnan(seconds) else seconds
