"""What was measured of a canary, judged: as it stands, or once more with other settings."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from comporta.analysis.judge import Settings, begin, update
from comporta.analysis.verdict import Verdict, verdict
from comporta.app.deployments import Deployment
from comporta.model.errors import UsageError
from comporta.model.values import from_json
from comporta.ports.journal import Journal
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.judging import Measurement, held_back


class Judged(Struct, frozen=True):
    """The verdict after a block. `at`: the end of the block (epoch seconds); `share`: the candidate's, 0 to 1."""

    at: float
    share: float
    verdict: Verdict


def settings_of(deployment: Deployment) -> Settings:
    """What the deployment asked of its candidate.

    Raises:
        UsageError: it was no canary.
    """
    for step in deployment.plan.steps:
        if isinstance(step, JudgeTraffic):
            return step.settings
    raise UsageError(
        f"cannot judge deployment {deployment.number}: it was no canary", next="`comporta history` lists the strategies"
    )


async def judge(journal: Journal, deployment: Deployment, settings: Settings) -> list[Judged]:
    """The verdict after each block that was measured, oldest first.

    Raises:
        UsageError: nothing was measured.
    """
    records = await journal.measurements(deployment.number)
    if not records:
        raise UsageError(f"cannot judge deployment {deployment.number}: it ended before anything was measured")
    return list(_judged([from_json(record.data, Measurement) for record in records], settings))


async def latest(journal: Journal, deployment: Deployment) -> Judged | None:
    """How the comparison stands; None where nothing was judged yet."""
    if not await journal.measurements(deployment.number):
        return None
    judged = await judge(journal, deployment, settings_of(deployment))
    return judged[-1] if judged else None


def _judged(measured: list[Measurement], settings: Settings) -> Iterator[Judged]:
    state = begin(next((m.seed for m in measured if m.seed is not None), None))
    for measurement in measured:
        if (block := measurement.block) is not None:
            state = update(settings, state, block)
            said = held_back(verdict(settings, state, block.end), measurement.lacking)
            yield Judged(at=block.end, share=block.share or 0.0, verdict=said)
