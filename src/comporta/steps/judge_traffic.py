"""Judge the candidate by its traffic beside stable's: the gate between two stages of a canary."""

from __future__ import annotations

from comporta.analysis.collecting import Roles
from comporta.analysis.intervals import Interval
from comporta.analysis.judge import Settings
from comporta.analysis.verdict import Kind, Verdict
from comporta.model.errors import ForeignChange, StepFailed
from comporta.model.spec import MetricQuery
from comporta.model.traffic import Slot, Traffic
from comporta.model.values import to_json
from comporta.ports.bundle import Ports
from comporta.steps.crashes import Crashes
from comporta.steps.further_metrics import FurtherMetrics
from comporta.steps.judging import Judging
from comporta.steps.keep_warm import duration
from comporta.steps.step import Facts, Step

LOOK_EVERY = 1.0


class JudgeTraffic(Step, frozen=True, tag="judge-traffic"):
    """Wait for the verdict: `pass` goes on, `fail` ends the deployment, anything else waits up to the limit.

    Attributes:
        slot: of the candidate, with so many `instances`.
        traffic: the split that is judged; anything else at the router is a foreign change.
        limit: seconds after which a verdict that is still open counts as such.
        settle: the least time under these weights, in seconds.
        hold: seconds to wait for a person after the limit, before giving up; 0 gives up at the limit.
        queries: further metrics; while one of them says nothing, nothing is promoted.
        needs_proof: False: a verdict that is still open at the limit is no objection.
    """

    slot: Slot
    instances: int
    roles: Roles
    traffic: Traffic
    settings: Settings
    limit: float
    settle: float
    hold: float
    queries: tuple[MetricQuery, ...] = ()
    needs_proof: bool = True

    @property
    def title(self) -> str:
        if not self.needs_proof:
            return f"judge the candidate at {self.roles.share:.0%} of the traffic for {duration(self.limit)}"
        return f"judge the candidate at {self.roles.share:.0%} of the traffic, at most {duration(self.limit)}"

    async def do(self, ports: Ports, began: float) -> Facts:
        judging = await Judging.resumed(self.settings, self.roles, ports, began)
        crashes = await Crashes.so_far(self.slot, self.instances, ports)
        further = FurtherMetrics(self.queries, self.traffic, self.slot)
        while True:
            await ports.clock.sleep(LOOK_EVERY)
            await self._require_untouched(ports)
            await crashes.require_none_new(ports)
            verdict = await judging.look(further, ports)
            settled = judging.judged_here and judging.now - began >= self.settle
            if (ended := await self._end(verdict, judging.now - began, settled, ports)) is not None:
                return ended

    async def _end(self, verdict: Verdict, age: float, settled: bool, ports: Ports) -> Facts | None:
        """What the step found, once it is over; None while it is not."""
        if verdict.kind is Kind.FAIL:
            raise StepFailed(
                f"cannot promote the candidate: {verdict.reasons[0]}",
                details=evidence(verdict),
                next=f"`comporta logs --slot {self.slot}` has what it wrote; `comporta replay` judges it again",
            )
        wishes = await ports.notebook.wishes()
        if wishes.promoted_by:
            return {"verdict": to_json(verdict), "promoted_by": wishes.promoted_by}
        if verdict.kind is Kind.PASS and settled and not wishes.paused_by:
            return {"verdict": to_json(verdict)}
        over = age >= self.limit + self.hold
        if over and not self.needs_proof and not wishes.paused_by:
            return {"verdict": to_json(verdict)}
        if over and self.needs_proof:
            raise StepFailed(
                f"cannot promote the candidate: no proof within {duration(self.limit)}: {verdict.reasons[0]}",
                details=evidence(verdict),
                next="try again with more traffic or a larger share; `comporta plan` says what it can tell",
            )
        self._tell(verdict, age, wishes.paused_by, ports)
        return None

    def _tell(self, verdict: Verdict, age: float, paused_by: str, ports: Ports) -> None:
        left = self.limit - age
        if paused_by:
            state = f"paused by {paused_by}: `comporta resume` goes on"
        elif left > 0:
            state = f"{duration(max(1.0, round(left)))} left"
        else:
            state = "holding for a person: `comporta promote` goes on, `comporta abort` goes back"
        ports.operator.verdict(verdict, share=self.roles.share, state=state)

    async def _require_untouched(self, ports: Ports) -> None:
        traffic = (await ports.router.observe()).traffic
        if traffic.spread != self.traffic.spread:
            raise ForeignChange(
                "cannot judge the candidate: somebody else changed the weights",
                next="look with `comporta status`, put it right, then `comporta abort`",
            )


def evidence(verdict: Verdict) -> list[str]:
    """The evidence in lines, for an error."""
    errors, latency = verdict.errors, verdict.latency
    lines = [
        f"candidate: {verdict.candidate_requests} requests, {_rate(errors.candidate)} failed",
        f"stable:    {verdict.stable_requests} requests, {_rate(errors.stable)} failed",
        f"odds of an error: {errors.odds_ratio:.2f} times stable's ({errors.odds_low:.2f} or more)",
    ]
    named = (
        ("half", latency.candidate_p50, latency.stable_p50),
        ("95 %", latency.candidate_p95, latency.stable_p95),
    )
    for share, candidate, stable in named:
        if candidate is not None and stable is not None:
            lines.append(f"{share} answered within {candidate * 1000:.1f} ms, stable's within {stable * 1000:.1f} ms")
    return [*lines, f"judged for {verdict.seconds:.0f} s; evidence towards abort: {verdict.towards_abort:.0f} %"]


def _rate(interval: Interval) -> str:
    return f"{interval.estimate:.2%} ({interval.low:.2%} to {interval.high:.2%})"
