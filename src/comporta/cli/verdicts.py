"""A verdict as people read it: a table of both roles, and the evidence, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comporta.analysis.intervals import Interval
    from comporta.analysis.verdict import Verdict

HEAD = ("", "share", "requests", "failed", "between", "p50", "p95", "p99")


def table(verdict: Verdict, share: float) -> list[tuple[str, ...]]:
    """A head, and a row for each role. Times in milliseconds."""
    errors, latency = verdict.errors, verdict.latency
    return [
        HEAD,
        (
            "candidate",
            f"{share:.0%}",
            str(verdict.candidate_requests),
            *_rate(errors.candidate),
            *map(_milliseconds, (latency.candidate_p50, latency.candidate_p95, latency.candidate_p99)),
        ),
        (
            "stable",
            f"{1 - share:.0%}",
            str(verdict.stable_requests),
            *_rate(errors.stable),
            *map(_milliseconds, (latency.stable_p50, latency.stable_p95, latency.stable_p99)),
        ),
    ]


def line(verdict: Verdict) -> str:
    """The judgement and how far the evidence is, in a line."""
    return f"{verdict.kind}: {reasons(verdict)} ({_towards(verdict)})"


def progress(verdict: Verdict, state: str) -> str:
    """What a person looks for first while it goes on: the judgement, how far the evidence is, and what comes next."""
    return f"{verdict.kind}, {_towards(verdict)}; {state}"


def reasons(verdict: Verdict) -> str:
    return "; ".join(verdict.reasons)


def brief(verdict: Verdict, share: float) -> str:
    """Both roles and the judgement in one line, for a pipe."""
    roles = (
        (f"candidate {share:.0%}", verdict.candidate_requests, verdict.errors.candidate, verdict.latency.candidate_p95),
        ("stable", verdict.stable_requests, verdict.errors.stable, verdict.latency.stable_p95),
    )
    told = " | ".join(
        f"{name}: {requests} requests, {failed.estimate:.2%} failed, p95 {_milliseconds(p95)}"
        for name, requests, failed, p95 in roles
    )
    return f"{told} | {line(verdict)}"


def _towards(verdict: Verdict) -> str:
    return f"towards promotion {verdict.towards_promotion:.0f} %, towards abort {verdict.towards_abort:.0f} %"


def _rate(interval: Interval) -> tuple[str, str]:
    return f"{interval.estimate:.2%}", f"{interval.low:.2%} and {interval.high:.2%}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f} ms"
