"""The shell around the machine: what it writes down, what it tells, and what it does with a step that fails."""

from __future__ import annotations

import errno
from typing import Any

import anyio
import pytest

from comporta.drivers.system_clock import SystemClock
from comporta.engine.events import Direction, Moment, StepEvent
from comporta.engine.machine import can_abort, fold
from comporta.engine.notebook import JournalNotebook
from comporta.engine.runner import Runner, describe
from comporta.model.errors import ForeignChange, LeaseLost, StepFailed
from comporta.model.journal import Holder, Kind, Lease, Outcome
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.ports.notebook import Wishes
from comporta.steps.plan import Plan
from comporta.steps.step import Effect, Facts, Step
from comporta.testing.fake_journal import FakeJournal
from comporta.testing.fake_router import FakeRouter
from comporta.testing.fake_runtime import FakeRuntime
from simulation.world import People
from support import specs
from support.records import record

pytestmark = pytest.mark.anyio
DEPLOYMENT = 7


class Act(Step, frozen=True, tag="act"):
    """A step that does nothing to the world, as well or badly as it is told."""

    name: str = "act"
    effect: str = "absent"
    failing: Any = None
    failing_undo: Any = None
    waits: bool = False

    @property
    def title(self) -> str:
        return f"do {self.name}"

    @property
    def undo_title(self) -> str:
        return f"undo {self.name}"

    async def check(self, ports: Ports) -> Effect:
        return Effect(self.effect)

    async def do(self, ports: Ports, began: float) -> Facts:
        if self.failing is not None:
            raise self.failing
        await ports.notebook.remember({"by": self.name})
        if self.waits:
            await anyio.sleep_forever()
        return {"began": began}

    async def undo(self, ports: Ports) -> Facts:
        if self.failing_undo is not None:
            raise self.failing_undo
        return {"noted": len(await ports.notebook.remembered())}


class Exposing(Act, frozen=True, tag="exposing"):
    exposes = True


class Final(Act, frozen=True, tag="final"):
    reversible = False


class Desk:
    """A runner, its journal, and what it told."""

    def __init__(self, *steps: Step, journal: FakeJournal | None = None) -> None:
        release = specs.release(1).ref
        plan = Plan("blue-green", "test", release, None, Slot.GREEN, steps)  # type: ignore[arg-type]  # own steps
        self.journal, self.plan, self.told = journal or FakeJournal(), plan, list[StepEvent]()
        clock = SystemClock()
        runtime = FakeRuntime(clock, {slot: specs.SPEC.ports(slot) for slot in Slot}, {})
        self.ports = Ports(clock, runtime, FakeRouter(specs.SPEC.listen), {}, People())
        self.lease: Lease | None = None

    async def run(self) -> Outcome:
        holder = Holder(host="h", boot_id="b", pid=1, started=0.0, actor="ana")
        self.lease = self.lease or await self.journal.acquire("test", holder, at=0.0)

        async def closing(outcome: Outcome) -> Facts:
            return {"closed": outcome.value}

        runner = Runner(self.ports, self.journal, self.lease, DEPLOYMENT, self.plan, "ana", self.told.append, closing)
        with anyio.fail_after(30):
            return await runner.run()

    def written(self) -> list[tuple[Kind, int | None, dict[str, Any]]]:
        return [(each.kind, each.step, each.data) for each in self.journal.all]

    def kinds(self) -> list[tuple[Kind, int | None]]:
        return [(each.kind, each.step) for each in self.journal.all]


async def test_each_step_is_announced_done_and_written_down_and_the_end_has_its_figures() -> None:
    desk = Desk(Act(name="a"), Act(name="b", effect="in-place"))
    assert await desk.run() is Outcome.PROMOTED
    began = desk.journal.all[0].at
    assert desk.written() == [
        (Kind.INTENT, 0, {"title": "do a"}),
        (Kind.NOTE, 0, {"by": "a"}),
        (Kind.DONE, 0, {"began": began}),
        (Kind.INTENT, 1, {"title": "do b"}),
        (Kind.DONE, 1, {"found": "in place"}),
        (Kind.FINISHED, None, {"outcome": "promoted", "cause": "", "closed": "promoted"}),
    ]
    assert {(each.deployment, each.actor, each.environment) for each in desk.journal.all} == {
        (DEPLOYMENT, "ana", "test")
    }


async def test_every_moment_of_a_step_is_told_and_the_result_with_its_facts() -> None:
    desk = Desk(Act(name="a"))
    await desk.run()
    step = desk.plan.steps[0]
    began = desk.journal.all[0].at
    assert desk.told == [
        StepEvent(Moment.BEFORE_INTENT, Direction.DO, 0, step),
        StepEvent(Moment.AFTER_INTENT, Direction.DO, 0, step),
        StepEvent(Moment.AFTER_EFFECT, Direction.DO, 0, step),
        StepEvent(Moment.AFTER_RESULT, Direction.DO, 0, step, {"began": began}),
    ]


async def test_a_failure_undoes_all_that_was_begun_in_reverse_and_tells_why() -> None:
    cause = StepFailed("cannot b: broken", next="mend it", details=["line"])
    desk = Desk(Exposing(name="a"), Act(name="b", failing=cause), Act(name="c"))
    assert await desk.run() is Outcome.ROLLED_BACK
    failed = {"error": "StepFailed", "message": "cannot b: broken", "details": ["line"], "next": "mend it"}
    assert desk.written()[4:] == [
        (Kind.FAILED, 1, failed),
        (Kind.UNDO_INTENT, 1, {"title": "undo b"}),
        (Kind.UNDONE, 1, {"noted": 0}),
        (Kind.UNDO_INTENT, 0, {"title": "undo a"}),
        (Kind.UNDONE, 0, {"noted": 1}),
        (Kind.FINISHED, None, {"outcome": "rolled-back", "cause": "cannot b: broken", "closed": "rolled-back"}),
    ]
    result = next(each for each in desk.told if each.error)
    assert (result.index, result.moment, result.error, result.facts) == (
        1,
        Moment.AFTER_RESULT,
        "cannot b: broken",
        failed,
    )
    undone = [each for each in desk.told if each.direction is Direction.UNDO]
    assert [(each.index, each.moment) for each in undone] == [(i, moment) for i in (1, 0) for moment in Moment]
    assert undone[-1].facts == {"noted": 1}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Act(effect="foreign"), Kind.FOREIGN),
        (Act(failing=ForeignChange("cannot: it is another's")), Kind.FOREIGN),
        (Act(failing=StepFailed("cannot"), failing_undo=StepFailed("cannot undo")), Kind.UNDO_FAILED),
    ],
)
async def test_what_needs_a_person_is_an_incident(step: Act, kind: Kind) -> None:
    desk = Desk(step)
    assert await desk.run() is Outcome.INCIDENT
    assert desk.journal.all[-2].kind is kind


async def test_a_foreign_change_names_the_step_and_the_way_out() -> None:
    desk = Desk(Act(name="a", effect="foreign"))
    await desk.run()
    facts = desk.journal.all[1].data
    assert facts["message"] == "cannot do a: somebody else changed what this step is about"
    assert facts["next"] == f"look with `comporta status`, put it right, then `comporta abort {DEPLOYMENT}`"
    assert desk.told[-1].error == facts["message"]


async def test_a_foreign_change_met_while_undoing_is_not_overwritten() -> None:
    desk = Desk(Act(name="a"), journal=FakeJournal())
    await begun(desk, (Kind.INTENT, 0), (Kind.FAILED, 0))
    desk.plan = Desk(Act(name="a", effect="foreign")).plan
    assert await desk.run() is Outcome.INCIDENT
    assert desk.kinds()[2:4] == [(Kind.UNDO_INTENT, 0), (Kind.FOREIGN, 0)]


async def begun(desk: Desk, *records: tuple[Kind, int | None]) -> None:
    for kind, step in records:
        await desk.journal.append(
            kind, at=5.0, environment="test", actor="ana", lease=None, deployment=DEPLOYMENT, step=step, data={}
        )


async def test_what_was_interrupted_is_resumed_without_a_second_announcement_and_with_its_first_begin() -> None:
    desk = Desk(Act(name="a"))
    await begun(desk, (Kind.INTENT, 0))
    assert await desk.run() is Outcome.PROMOTED
    assert desk.kinds() == [(Kind.INTENT, 0), (Kind.NOTE, 0), (Kind.DONE, 0), (Kind.FINISHED, None)]
    assert desk.journal.all[2].data == {"began": 5.0}
    assert [each.resumed for each in desk.told] == [True, True, False, False]


async def test_an_undo_that_was_interrupted_is_resumed_without_a_second_announcement() -> None:
    desk = Desk(Act(name="a"))
    await begun(desk, (Kind.INTENT, 0), (Kind.FAILED, 0), (Kind.UNDO_INTENT, 0))
    assert await desk.run() is Outcome.ABORTED
    assert desk.kinds()[3:] == [(Kind.UNDONE, 0), (Kind.FINISHED, None)]
    assert [each.resumed for each in desk.told] == [True, True, False, False]


async def test_a_request_to_abort_cuts_a_step_short_and_undoes_it() -> None:
    desk = Desk(Act(name="a", waits=True))
    outcomes: list[Outcome] = []

    async def run() -> None:
        outcomes.append(await desk.run())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        with anyio.fail_after(30):
            while len(desk.journal.all) < 2:
                await anyio.sleep(0.01)
        await begun(desk, (Kind.ABORT, None))
    assert outcomes == [Outcome.ABORTED]
    assert desk.kinds()[2:] == [(Kind.ABORT, None), (Kind.UNDO_INTENT, 0), (Kind.UNDONE, 0), (Kind.FINISHED, None)]


async def test_a_request_to_abort_does_not_disturb_a_step_past_the_point_of_no_return() -> None:
    desk = Desk(Final(name="a"))
    await begun(desk, (Kind.INTENT, 0), (Kind.ABORT, None))
    assert await desk.run() is Outcome.PROMOTED


@pytest.mark.parametrize("verb", ["failing", "failing_undo"])
async def test_who_lost_the_lease_writes_nothing_more(verb: str) -> None:
    lost = {verb: LeaseLost("cannot go on: somebody took over")}
    desk = Desk(Act(name="a", **lost), Act(name="b", failing=StepFailed("cannot")))  # type: ignore[arg-type]  # in one dict
    with pytest.raises(LeaseLost):
        await desk.run()
    assert desk.kinds()[-1][0] in (Kind.INTENT, Kind.UNDO_INTENT)


class Overtaken(Act, frozen=True, tag="overtaken"):
    """Somebody acts `meanwhile`, between its look at the `world` and what it would do there."""

    world: Any = None
    meanwhile: Any = None

    async def check(self, ports: Ports) -> Effect:
        await self.meanwhile()
        return Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        self.world.append("done")
        return {}

    async def undo(self, ports: Ports) -> Facts:
        self.world.append("undone")
        return {}


@pytest.mark.parametrize("undoing", [False, True])
@pytest.mark.parametrize("successor", [None, Holder(host="h", boot_id="b", pid=2, started=1.0, actor="bob")])
async def test_who_lost_the_lease_since_the_last_record_touches_nothing(
    successor: Holder | None, *, undoing: bool
) -> None:
    async def taken() -> None:
        assert desk.lease is not None
        await desk.journal.release(desk.lease)
        if successor is not None:
            await desk.journal.acquire("test", successor, at=1.0)

    world: list[str] = []
    desk = Desk(Overtaken(world=world, meanwhile=taken))
    if undoing:
        await begun(desk, (Kind.INTENT, 0), (Kind.FAILED, 0))
    with pytest.raises(LeaseLost):
        await desk.run()
    assert world == []
    assert desk.kinds()[-1] == (Kind.UNDO_INTENT if undoing else Kind.INTENT, 0)


def test_an_error_nobody_foresaw_is_described_with_the_end_of_its_traceback() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise KeyError("gone")
        deep(levels - 1)

    with pytest.raises(KeyError) as caught:
        deep(1)
    facts = describe(caught.value)
    assert (facts["error"], facts["message"]) == ("KeyError", "cannot finish the step: KeyError: 'gone'")
    assert facts["details"][-1] == "KeyError: 'gone'"
    assert facts["details"][0] == "Traceback (most recent call last):"
    with pytest.raises(ExceptionGroup) as group:
        raise ExceptionGroup("many", [KeyError(str(each)) for each in range(40)])
    assert len(describe(group.value)["details"]) == 20
    assert set(describe(StepFailed("cannot"))) == {"error", "message"}


def test_what_the_machine_refuses_is_described_without_a_traceback() -> None:
    refused = OSError(errno.ENOSPC, "No space left on device", "/srv/occupant.new")
    assert describe(refused) == {
        "error": "OSError",
        "message": "cannot finish the step: /srv/occupant.new: No space left on device",
        "next": "`comporta doctor` looks for the reason",
    }
    assert describe(OSError(errno.EIO, "Input/output error"))["message"] == "cannot finish the step: Input/output error"
    assert "details" in describe(OSError("a driver says so, and no system"))


async def test_a_notebook_tells_measurements_of_all_steps_and_notes_of_its_own() -> None:
    desk = Desk(Act(name="a"), Act(name="b"))
    await desk.run()
    assert desk.lease is not None
    books = [JournalNotebook(desk.journal, desk.ports.clock, desk.lease, DEPLOYMENT, i, "ana") for i in (0, 1)]
    await books[0].measure({"n": 1})
    await books[1].measure({"n": 2})
    assert await books[0].measured() == [{"n": 1}, {"n": 2}]
    assert await books[0].remembered() == [{"by": "a"}]
    assert await books[1].remembered() == [{"by": "b"}]


async def test_wishes_are_about_the_step_under_way() -> None:
    desk = Desk(Act(name="a"))
    await desk.run()
    assert desk.lease is not None
    book = JournalNotebook(desk.journal, desk.ports.clock, desk.lease, DEPLOYMENT, 0, "ana")
    assert await book.wishes() == Wishes()
    for kind, wishes in (
        (Kind.PAUSE, Wishes(paused_by="ana")),
        (Kind.PROMOTE, Wishes(promoted_by="ana", paused_by="ana")),
        (Kind.CONTINUE, Wishes(promoted_by="ana")),
        (Kind.NOTE, Wishes(promoted_by="ana")),
        (Kind.PAUSE, Wishes(promoted_by="ana", paused_by="ana")),
        (Kind.INTENT, Wishes()),
    ):
        await begun(desk, (kind, None))
        assert await book.wishes() == wishes


def standing(steps: tuple[Step, ...], *records: tuple[Kind, int | None]) -> tuple[int | None, bool]:
    plan = Desk(*steps).plan
    found = fold(plan, [record(kind, step, at=1.0 + n, outcome="incident") for n, (kind, step) in enumerate(records)])
    return found.current, can_abort(plan, found)


async def test_the_current_step_and_whether_an_abort_would_change_anything() -> None:
    both = (Act(name="a"), Final(name="b"))
    assert standing(both) == (None, True)
    assert standing(both, (Kind.INTENT, 0)) == (0, True)
    assert standing(both, (Kind.INTENT, 0), (Kind.DONE, 0)) == (None, True)
    assert standing(both, (Kind.INTENT, 0), (Kind.FAILED, 0), (Kind.UNDO_INTENT, 0)) == (0, True)
    assert standing(both, (Kind.INTENT, 0), (Kind.DONE, 0), (Kind.INTENT, 1)) == (1, False)
    assert standing(both, (Kind.INTENT, 0), (Kind.FOREIGN, 0), (Kind.FINISHED, None)) == (None, True)


async def test_what_ended_well_cannot_be_aborted_any_more() -> None:
    desk = Desk(Act(name="a"))
    await desk.run()
    assert not can_abort(desk.plan, fold(desk.plan, desk.journal.all))


def test_the_first_cause_stays_and_the_first_begin_too() -> None:
    plan = Desk(Act(name="a")).plan
    told = [
        record(Kind.INTENT, 0, at=1.0),
        record(Kind.FAILED, 0, at=2.0, message="first"),
        record(Kind.ABORT, at=3.0, reason="second"),
        record(Kind.UNDO_FAILED, 0, at=4.0, message="third"),
    ]
    found = fold(plan, told)
    assert (found.cause, found.abort) == ("first", "second")
    assert fold(plan, [record(Kind.ABORT, reason="why")]).cause == "aborted: why"
    assert fold(plan, [record(Kind.INTENT, 0, at=1.0), record(Kind.INTENT, 0, at=9.0)]).began == (1.0,)
