"""The pure machine: (plan, records) → next action. No I/O, no clock, no randomness.

The rules, in order:
1. A deployment that is finished stays finished, unless a person asks to abort an incident again.
2. A step that met a foreign change, or whose undo failed, ends in an incident.
3. A step that failed, or a request to abort, turns the direction: what was begun is undone, last step first.
4. After the point of no return the direction cannot turn: an abort is ignored, a failure is an incident.
5. Else the first step that is not done is done. A step with an intent but no result is resumed.
6. Nothing left to do: promoted. Nothing left to undo: aborted, or rolled back if users saw the release.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from comporta.model.journal import Kind, Outcome, Record

if TYPE_CHECKING:  # whoever asks where a deployment stands needs no steps
    from comporta.steps.plan import Plan


class Status(enum.StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"
    FOREIGN = "foreign"


class Do(Struct, frozen=True):
    step: int


class ResumeDo(Struct, frozen=True):
    step: int


class Undo(Struct, frozen=True):
    step: int


class ResumeUndo(Struct, frozen=True):
    step: int


class Finish(Struct, frozen=True):
    """`cause`: why it did not end promoted, in one line; empty if it did."""

    outcome: Outcome
    cause: str = ""


class Finished(Struct, frozen=True):
    outcome: Outcome


Action = Do | ResumeDo | Undo | ResumeUndo | Finish | Finished

STATUS_AFTER = {
    Kind.INTENT: Status.DOING,
    Kind.DONE: Status.DONE,
    Kind.FAILED: Status.FAILED,
    Kind.UNDO_INTENT: Status.UNDOING,
    Kind.UNDONE: Status.UNDONE,
    Kind.UNDO_FAILED: Status.UNDO_FAILED,
    Kind.FOREIGN: Status.FOREIGN,
}


class Standing(Struct, frozen=True):
    """The records of one deployment, folded.

    Attributes:
        statuses: one per step of the plan.
        began: per step, when its first intent was recorded (epoch seconds), or None.
        abort: why it was asked to abort; None if it was not.
        cause: why it turned round or stopped, in one line.
        exposed: users may have seen the release.
        outcome: how it ended; None while it runs or was interrupted.
    """

    statuses: tuple[Status, ...]
    began: tuple[float | None, ...]
    abort: str | None
    cause: str
    exposed: bool
    outcome: Outcome | None

    @property
    def current(self) -> int | None:
        """The step that was begun and has no result."""
        return next((i for i, s in enumerate(self.statuses) if s in (Status.DOING, Status.UNDOING)), None)


def fold(plan: Plan, records: Sequence[Record]) -> Standing:
    """What the records of a deployment, oldest first, say together."""
    statuses = [Status.PENDING] * len(plan.steps)
    began: list[float | None] = [None] * len(plan.steps)
    abort: str | None = None
    cause = ""
    exposed = False
    outcome: Outcome | None = None
    for record in records:
        if record.step is not None and record.kind in STATUS_AFTER:
            statuses[record.step] = STATUS_AFTER[record.kind]
            if record.kind is Kind.INTENT:
                began[record.step] = began[record.step] or record.at
                exposed = exposed or plan.steps[record.step].exposes
            cause = cause or str(record.data.get("message", ""))
        elif record.kind is Kind.ABORT:
            abort = str(record.data.get("reason", ""))
            cause = cause or f"aborted: {abort}"
            # A person looked at the incident: what stopped it is tried once more.
            statuses = [Status.DOING if s in STUCK else s for s in statuses]
            outcome = None if outcome is Outcome.INCIDENT else outcome
        elif record.kind is Kind.FINISHED:
            outcome = Outcome(record.data["outcome"])
    return Standing(tuple(statuses), tuple(began), abort, cause, exposed, outcome)


STUCK = (Status.UNDO_FAILED, Status.FOREIGN)


def next_action(plan: Plan, records: Sequence[Record]) -> Action:
    """What to do now."""
    return decide(plan, fold(plan, records))


def decide(plan: Plan, standing: Standing) -> Action:
    """The rules at the top of this file."""
    if standing.outcome is not None:
        return Finished(standing.outcome)
    if any(status in STUCK for status in standing.statuses):
        return Finish(Outcome.INCIDENT, standing.cause)
    if past_no_return(plan, standing):
        if Status.FAILED in standing.statuses:
            return Finish(Outcome.INCIDENT, standing.cause)
        return _forward(standing)
    return _backward(standing) if goes_back(plan, standing) else _forward(standing)


def past_no_return(plan: Plan, standing: Standing) -> bool:
    """A step that cannot be undone was begun."""
    return any(status is not Status.PENDING for status in standing.statuses[plan.point_of_no_return :])


def goes_back(plan: Plan, standing: Standing) -> bool:
    """What was done is being undone; the deployment cannot be finished any more."""
    turned = Status.FAILED in standing.statuses or standing.abort is not None or _turned(standing)
    return turned and not past_no_return(plan, standing)


def can_abort(plan: Plan, standing: Standing) -> bool:
    """Whether a request to abort would change anything."""
    return standing.outcome in (None, Outcome.INCIDENT) and not past_no_return(plan, standing)


def _turned(standing: Standing) -> bool:
    return any(status in (Status.UNDOING, Status.UNDONE) for status in standing.statuses)


def _forward(standing: Standing) -> Action:
    for index, status in enumerate(standing.statuses):
        if status is Status.DOING:
            return ResumeDo(index)
        if status is Status.PENDING:
            return Do(index)
    return Finish(Outcome.PROMOTED)


def _backward(standing: Standing) -> Action:
    for index in reversed(range(len(standing.statuses))):
        match standing.statuses[index]:
            case Status.UNDOING:
                return ResumeUndo(index)
            case Status.DONE | Status.DOING | Status.FAILED:
                return Undo(index)
    return Finish(Outcome.ROLLED_BACK if standing.exposed else Outcome.ABORTED, standing.cause)
