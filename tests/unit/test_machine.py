"""The pure machine: sequences of records and what must come next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.engine.machine import (
    Do,
    Finish,
    Finished,
    ResumeDo,
    ResumeUndo,
    Status,
    Undo,
    fold,
    next_action,
)
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.spec import BlueGreenSpec
from comporta.model.traffic import Slot
from comporta.steps.plan import Plan
from comporta.strategies import blue_green
from support import specs
from support.records import record
from support.snapshots import serving

PLAN = blue_green.plan(specs.spec(), specs.nothing_deployed(), specs.release(1))
LAST = len(PLAN.steps) - 1
SWITCH = next(i for i, step in enumerate(PLAN.steps) if step.exposes)


COLD_PLAN = blue_green.plan(specs.spec(blue_green=BlueGreenSpec(keep_warm=0.0)), serving(Slot.BLUE), specs.release(3))
NO_RETURN = COLD_PLAN.point_of_no_return


def done_until(step: int) -> list[Record]:
    return [record(kind, i) for i in range(step) for kind in (Kind.INTENT, Kind.DONE)]


def test_a_new_deployment_begins_with_its_first_step():
    assert next_action(PLAN, [record(Kind.OPENED)]) == Do(0)


def test_after_a_step_is_done_the_next_one_follows():
    assert next_action(PLAN, done_until(2)) == Do(2)


def test_a_step_with_an_intent_and_no_result_is_resumed():
    assert next_action(PLAN, [*done_until(2), record(Kind.INTENT, 2)]) == ResumeDo(2)


def test_when_all_steps_are_done_the_deployment_is_promoted():
    assert next_action(PLAN, done_until(LAST + 1)) == Finish(Outcome.PROMOTED)


def test_a_failed_step_is_undone_first_then_the_ones_before_it():
    failed = [*done_until(2), record(Kind.INTENT, 2), record(Kind.FAILED, 2, message="cannot")]
    assert next_action(PLAN, failed) == Undo(2)
    undone = [*failed, record(Kind.UNDO_INTENT, 2), record(Kind.UNDONE, 2)]
    assert next_action(PLAN, undone) == Undo(1)


def test_a_failure_before_the_switch_ends_aborted_with_its_cause():
    records = [record(Kind.INTENT, 0), record(Kind.FAILED, 0, message="cannot start")]
    records += [record(Kind.UNDO_INTENT, 0), record(Kind.UNDONE, 0)]
    assert next_action(PLAN, records) == Finish(Outcome.ABORTED, "cannot start")


def test_a_failure_after_the_switch_ends_rolled_back():
    records = [*done_until(SWITCH + 1), record(Kind.INTENT, SWITCH + 1)]
    records.append(record(Kind.FAILED, SWITCH + 1, message="errors"))
    for i in reversed(range(SWITCH + 2)):
        records += [record(Kind.UNDO_INTENT, i), record(Kind.UNDONE, i)]
    assert next_action(PLAN, records) == Finish(Outcome.ROLLED_BACK, "errors")


def test_an_abort_undoes_a_step_that_was_cut_off_in_the_middle():
    records = [*done_until(1), record(Kind.INTENT, 1), record(Kind.ABORT, reason="by ana")]
    assert next_action(PLAN, records) == Undo(1)


def test_a_crash_while_undoing_goes_on_undoing():
    records = [*done_until(2), record(Kind.ABORT, reason="x"), record(Kind.UNDO_INTENT, 1)]
    assert next_action(PLAN, records) == ResumeUndo(1)


def test_an_undo_that_fails_is_an_incident_and_nothing_more_is_touched():
    records = [*done_until(2), record(Kind.ABORT, reason="x"), record(Kind.UNDO_INTENT, 1)]
    records.append(record(Kind.UNDO_FAILED, 1, message="cannot stop"))
    action = next_action(PLAN, records)
    assert isinstance(action, Finish)
    assert action.outcome is Outcome.INCIDENT


def test_a_foreign_change_is_an_incident():
    records = [record(Kind.INTENT, 0), record(Kind.FOREIGN, 0, message="somebody else")]
    assert next_action(PLAN, records) == Finish(Outcome.INCIDENT, "somebody else")


def test_a_finished_deployment_stays_finished():
    records = [*done_until(LAST + 1), record(Kind.FINISHED, outcome="promoted"), record(Kind.ABORT, reason="late")]
    assert next_action(PLAN, records) == Finished(Outcome.PROMOTED)


def test_aborting_an_incident_tries_the_undo_once_more():
    records = [*done_until(2), record(Kind.ABORT, reason="x"), record(Kind.UNDO_INTENT, 1)]
    records += [record(Kind.UNDO_FAILED, 1, message="no"), record(Kind.FINISHED, outcome="incident")]
    assert next_action(PLAN, records) == Finished(Outcome.INCIDENT)
    assert next_action(PLAN, [*records, record(Kind.ABORT, reason="fixed it")]) == Undo(1)


def test_after_the_point_of_no_return_an_abort_changes_nothing():
    begun = [record(kind, i) for i in range(NO_RETURN) for kind in (Kind.INTENT, Kind.DONE)]
    begun.append(record(Kind.INTENT, NO_RETURN))
    assert next_action(COLD_PLAN, [*begun, record(Kind.ABORT, reason="late")]) == ResumeDo(NO_RETURN)


def test_a_failure_after_the_point_of_no_return_is_an_incident():
    begun = [record(kind, i) for i in range(NO_RETURN) for kind in (Kind.INTENT, Kind.DONE)]
    begun += [record(Kind.INTENT, NO_RETURN), record(Kind.FAILED, NO_RETURN, message="cannot stop")]
    assert next_action(COLD_PLAN, begun) == Finish(Outcome.INCIDENT, "cannot stop")


def test_deadlines_count_from_the_first_intent_also_after_a_crash():
    records = [record(Kind.INTENT, 0, at=10.0), record(Kind.DONE, 0, at=11.0), record(Kind.INTENT, 1, at=12.0)]
    assert fold(PLAN, records).began[:2] == (10.0, 12.0)


@given(st.data())
def test_whatever_happens_every_deployment_ends_and_undoes_exactly_what_it_began(data: st.DataObject):
    """Acts on the machine with random results, crashes and aborts; checks order and termination."""
    plan: Plan = data.draw(st.sampled_from([PLAN, COLD_PLAN]))
    records: list[Record] = [record(Kind.OPENED)]
    begun: list[int] = []
    undone: list[int] = []
    for _ in range(200):
        if data.draw(st.integers(0, 9), label="abort?") == 0:
            records.append(record(Kind.ABORT, reason="drawn"))
        action = next_action(plan, records)
        if isinstance(action, Finished):
            break
        records += _result(data, action, begun, undone)
    else:
        pytest.fail("the machine never came to an end")
    outcome = action.outcome
    if outcome in (Outcome.ABORTED, Outcome.ROLLED_BACK):
        assert list(dict.fromkeys(undone)) == sorted(set(begun), reverse=True)
    if outcome is Outcome.PROMOTED:
        assert not undone
        assert sorted(set(begun)) == list(range(len(plan.steps)))


def _result(data: st.DataObject, action: object, begun: list[int], undone: list[int]) -> list[Record]:
    fate = data.draw(st.sampled_from(["fine"] * 8 + ["bad", "crash"]), label="fate")
    match action:
        case Do(step) | ResumeDo(step):
            begun.append(step)
            intent = [record(Kind.INTENT, step)] if isinstance(action, Do) else []
            results = {"fine": [record(Kind.DONE, step)], "bad": [record(Kind.FAILED, step, message="m")], "crash": []}
        case Undo(step) | ResumeUndo(step):
            undone.append(step)
            intent = [record(Kind.UNDO_INTENT, step)] if isinstance(action, Undo) else []
            bad = [record(Kind.UNDO_FAILED, step, message="m")]
            results = {"fine": [record(Kind.UNDONE, step)], "bad": bad, "crash": []}
        case Finish(outcome, _):
            return [record(Kind.FINISHED, outcome=outcome.value)]
        case _:
            raise AssertionError(action)
    return intent + results[fate]


def test_the_statuses_of_a_fresh_plan_are_all_pending():
    assert set(fold(PLAN, []).statuses) == {Status.PENDING}
