"""What is true of a journal's records, whatever went wrong, once all have come to rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import dropwhile

from comporta.app.deployments import deployment_of
from comporta.engine.machine import STATUS_AFTER
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.traffic import ReleaseRef

BEGINS = {Kind.INTENT, Kind.UNDO_INTENT}


def journal_truth(records: list[Record]) -> ReleaseRef | None:
    """What serves, by the records alone; None where that is open: nothing does, or a person was needed."""
    opened = {r.deployment: r for r in records if r.kind is Kind.OPENED}
    serving: ReleaseRef | None = None
    for record in records:
        if record.kind is Kind.NOTE and record.data.get("message") == "taken down":
            serving = None
        if record.kind is Kind.FINISHED:
            outcome = Outcome(record.data["outcome"])
            if outcome is Outcome.PROMOTED:
                serving = deployment_of(opened[record.deployment], None).plan.release
            elif outcome in (Outcome.INCIDENT, Outcome.SUPERSEDED):
                serving = None
    return serving


def ends(everything: list[Record]) -> Iterator[str]:
    """Each deployment ended; a promoted one did all its steps, and one that went back undid all that it had begun."""
    for number, records in by_deployment(everything).items():
        finished = [r for r in records if r.kind is Kind.FINISHED]
        if not finished:
            yield f"deployment {number} has no end"
            continue
        outcome = Outcome(finished[-1].data["outcome"])
        last = {r.step: r.kind for r in records if r.step is not None and r.kind in STATUS_AFTER}
        plan = deployment_of(records[0], None).plan
        missing = [index for index in range(len(plan.steps)) if last.get(index) is not Kind.DONE]
        if outcome is Outcome.PROMOTED and missing:
            yield f"deployment {number} is promoted, and its steps {missing} are not done"
        if outcome in (Outcome.ABORTED, Outcome.ROLLED_BACK) and set(last.values()) - {Kind.UNDONE}:
            yield f"deployment {number} is {outcome}, and not all that it began is undone"
        if any(r.kind is Kind.UNDO_INTENT for r in _after_no_return(records, plan.point_of_no_return)):
            yield f"deployment {number} was undone after its point of no return"
        if outcome is Outcome.PROMOTED and _was_to_abort(records, plan.point_of_no_return):
            yield f"deployment {number} is promoted, and was asked to abort in time"


def _after_no_return(records: list[Record], no_return: int) -> Iterator[Record]:
    return dropwhile(lambda r: r.kind is not Kind.INTENT or (r.step or 0) < no_return, records)


def _was_to_abort(records: list[Record], no_return: int) -> bool:
    """Somebody asked before the step was begun from which there is no way back."""
    too_late = {r.sequence for r in _after_no_return(records, no_return)}
    return any(r.kind is Kind.ABORT and r.sequence not in too_late for r in records)


def order(everything: list[Record]) -> Iterator[str]:
    """Nothing was done that had not been announced, nothing twice, and it was undone in reverse."""
    for number, records in by_deployment(everything).items():
        announced: set[tuple[int | None, bool]] = set()
        undone: list[int] = []
        for record in records:
            undoing = record.kind in (Kind.UNDO_INTENT, Kind.UNDONE, Kind.UNDO_FAILED)
            if record.kind in BEGINS:
                if (record.step, undoing) in announced and not undoing:
                    yield f"deployment {number} began step {record.step} twice"
                announced.add((record.step, undoing))
            elif record.kind in (Kind.DONE, Kind.UNDONE) and (record.step, undoing) not in announced:
                yield f"deployment {number} has a result of step {record.step} that was never begun"
            if record.kind is Kind.UNDONE and record.step is not None:
                undone.append(record.step)
        if undone != sorted(undone, reverse=True):
            yield f"deployment {number} was undone in the order {undone}"


def by_deployment(records: list[Record]) -> dict[int, list[Record]]:
    """The records of each deployment from the one that opened it, oldest first."""
    found: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if record.deployment is not None and record.kind is not Kind.MEASURED:
            found[record.deployment].append(record)
    return found
