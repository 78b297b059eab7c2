"""What happened in one deployment, in order: each step with how long it took, each wish of a person, each verdict."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from comporta.app.approving import as_it_stands
from comporta.app.context import Context
from comporta.app.deployments import Deployment, find_deployment
from comporta.app.judgement import Judged, judge
from comporta.model.journal import Kind, Record
from comporta.ports.journal import Journal
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import AnyStep

BEGINNINGS = {Kind.INTENT, Kind.UNDO_INTENT}
RESULTS = {Kind.DONE, Kind.FAILED, Kind.UNDONE, Kind.UNDO_FAILED, Kind.FOREIGN}


class Act(Struct, frozen=True):
    """One line of the story.

    Attributes:
        begun: the record that began it; for anything but a step, the only one.
        ended: the record of its result; None if it has none, such as a step that was cut off.
        undoing: it undid a step.
        title: of the step; empty for what is none, and for a step that has nothing to undo.
        judged: how the comparison stood at the end of the step, where it was one.
    """

    begun: Record
    ended: Record | None
    undoing: bool = False
    title: str = ""
    judged: Judged | None = None

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else self.ended.at - self.begun.at

    @property
    def result(self) -> Record:
        return self.ended or self.begun


class Story(Struct, frozen=True):
    """A deployment, what happened in it, and all its records but the measurements."""

    deployment: Deployment
    acts: list[Act]
    records: list[Record]


async def story(ctx: Context, number: int) -> Story:
    """The story of a deployment.

    Raises:
        UsageError: there is none with this number.
    """
    deployment, _, records = await find_deployment(ctx.journal, number)
    steps = deployment.plan.steps
    verdicts = await _verdicts(ctx.journal, deployment, steps)
    acts = [_act(deployment, steps, verdicts, *pair) for pair in paired(records)]
    return Story(as_it_stands(ctx, deployment), acts, records)


def paired(records: Sequence[Record]) -> list[tuple[Record, Record | None]]:
    """Each beginning with its result, and everything else alone; in the order of the beginnings."""
    pairs: list[tuple[Record, Record | None]] = []
    begun: dict[int | None, int] = {}
    for record in records:
        if record.kind in RESULTS and record.step in begun:
            place = begun.pop(record.step)
            pairs[place] = (pairs[place][0], record)
            continue
        if record.kind in BEGINNINGS:
            begun[record.step] = len(pairs)
        pairs.append((record, None))
    return pairs


def _act(
    deployment: Deployment, steps: Sequence[AnyStep], verdicts: Sequence[Judged], begun: Record, ended: Record | None
) -> Act:
    if begun.step is None:
        return Act(begun, ended)
    step, undoing = steps[begun.step], begun.kind not in (Kind.INTENT, Kind.DONE, Kind.FAILED)
    judged = None
    if isinstance(step, JudgeTraffic) and not undoing:
        until = ended.at if ended else deployment.ended
        there = [j for j in verdicts if j.share == step.roles.share and (until is None or j.at <= until)]
        judged = there[-1] if there else None
    return Act(begun, ended, undoing, step.undo_title if undoing else step.title, judged)


async def _verdicts(journal: Journal, deployment: Deployment, steps: Sequence[AnyStep]) -> list[Judged]:
    """The verdict after each block of a canary; none for anything else."""
    judging = next((step for step in steps if isinstance(step, JudgeTraffic)), None)
    if judging is None or not await journal.measurements(deployment.number):
        return []
    return await judge(journal, deployment, judging.settings)
