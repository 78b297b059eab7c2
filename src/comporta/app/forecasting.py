"""What a canary's verdict can tell with the traffic there is, said before it is begun."""

from __future__ import annotations

from comporta.analysis.forecast import Forecast, Traffic, forecast, log_spread
from comporta.analysis.judge import begin
from comporta.app.context import Context
from comporta.model.errors import RouterError
from comporta.model.figures import Counts, span_of
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.judging import SEED_SECONDS
from comporta.steps.keep_warm import duration
from comporta.steps.plan import Plan


async def forecast_notes(ctx: Context, plan: Plan) -> list[str]:
    """For the first share of a canary: what is found in the longest wait, and when an equal release is proven."""
    judge = next((step for step in plan.steps if isinstance(step, JudgeTraffic)), None)
    if judge is None:
        return []
    try:
        recent = await ctx.ports.router.recent(SEED_SECONDS)
    except RouterError:
        return []
    counts, seconds = recent.of(judge.roles.stable), span_of(recent.figures)
    if not counts.requests:
        unproven = "nothing is promoted" if judge.needs_proof else "only a crash stops the release"
        return [f"no request was answered lately: without traffic nothing can be judged, and {unproven}"]
    rate = counts.requests / seconds
    traffic = _traffic(counts, rate, judge.roles.share)
    told = forecast(judge.settings, traffic, judge.limit)
    return [f"at {rate:.1f} requests a second, {traffic.candidate:.1f} of them to the candidate: {_words(told, judge)}"]


def _traffic(counts: Counts, rate: float, share: float) -> Traffic:
    return Traffic(
        candidate=rate * share,
        stable=rate * (1 - share),
        error_rate=counts.errors / counts.requests,
        log_spread=log_spread(begin(counts).latency.stable),
    )


def _words(told: Forecast, judge: JudgeTraffic) -> str:
    within = duration(judge.limit)
    parts = []
    if told.outage is not None:
        parts.append(f"a candidate that always fails is stopped after about {duration(round(told.outage))}")
    if told.more_errors is not None:
        parts.append(f"{told.more_errors * 100:.1f} points more errors are found within {within}")
    if told.slower is not None:
        parts.append(f"so is one {told.slower:.2f} times slower")
    if not judge.needs_proof:
        return "; ".join(parts) or f"nothing can be found within {within}"
    if told.proof is None or max(told.proof, judge.settings.bake) > judge.limit:
        parts.append(f"an equal one is NOT proven within {within}: give it a larger share or more time")
    else:
        parts.append(f"an equal one is proven after about {duration(round(max(told.proof, judge.settings.bake)))}")
    return "; ".join(parts)
