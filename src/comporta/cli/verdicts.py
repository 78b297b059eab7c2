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
    return (
        f"{verdict.kind}: {'; '.join(verdict.reasons)} (towards promotion {verdict.towards_promotion:.0f} %, "
        f"towards abort {verdict.towards_abort:.0f} %)"
    )


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


def _rate(interval: Interval) -> tuple[str, str]:
    return f"{interval.estimate:.2%}", f"{interval.low:.2%} and {interval.high:.2%}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
