"""Deployments that wait for an approval, on virtual time: nothing is held or changed meanwhile, whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from comporta.app.approving import NotApproved, approve, reject, waiting
from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, deploy
from comporta.app.deployments import Deployment
from comporta.app.history import Wanted, history
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort
from comporta.model.errors import Refused, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.strategies import blue_green, canary, rolling
from comporta.strategies import emergency as urgent
from simulation.world import Crash, World, together
from support import specs

UseCase = Callable[[Context], Awaitable[object]]
LIMIT = 600.0


def world(approvals: int = 1) -> World:
    """1.0.0 and then 1.1.0 were deployed, in urgent cases; 1.1.0 serves."""
    made = World(specs.spec(approvals=approvals, approval_timeout=LIMIT))
    for version in ("1.0.0", "1.1.0"):
        made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan, urgent=True))
        made.wait(400.0)
    return made


def live(made: World) -> str:
    serving = made.snapshot().live
    assert serving is not None
    assert serving.occupant is not None
    return serving.occupant.release.version


def asks(version: str = "1.2.0", plan: object = blue_green.plan) -> UseCase:
    return lambda ctx: deploy(ctx, version, plan)  # type: ignore[arg-type]  # one of the strategies


def approves(number: int = 3) -> UseCase:
    return lambda ctx: approve(ctx, number, "seen")


def rejects(number: int = 3) -> UseCase:
    return lambda ctx: reject(ctx, number, "not on a Friday")


def newest(made: World) -> Deployment:
    found = made.run(lambda ctx: history(ctx, Wanted(specs.SPEC.environment), 1))
    return found[0]


@pytest.mark.parametrize("plan", [blue_green.plan, canary.plan, rolling.plan])
def test_it_waits_without_a_change_or_a_lease_and_goes_on_once_another_person_approves(plan: object) -> None:
    made = world()
    before = made.snapshot()
    seen: list[object] = []

    async def look(ctx: Context) -> None:
        seen.extend([made.router.routing == before.routing, await made.journal.lease(ctx.environment)])
        seen.extend([d.number for d in await waiting(ctx)])

    ended, _, _ = together(made, (0, asks(plan=plan)), (60, look), (61, approves()))
    assert seen == [True, None, 3]
    assert isinstance(ended, Ended)
    assert (ended.deployment.number, ended.deployment.outcome) == (3, Outcome.PROMOTED)
    assert ended.deployment.approval is not None
    [approval] = made.records(Kind.APPROVED)
    assert ended.deployment.approval.by == (approval.actor,)
    assert (approval.deployment, approval.data) == (3, {"reason": "seen"})
    assert approval.actor != ended.deployment.actor
    assert live(made) == "1.2.0"
    assert newest(made).number == 3
    assert len(made.run(lambda ctx: history(ctx, Wanted(None), 10))) == 3


def test_whoever_asked_cannot_approve_it_and_nobody_counts_twice() -> None:
    made = world(approvals=2)
    ctx = made.context()

    async def the_same(_: Context) -> object:
        return await approve(ctx, 3, "")

    async def twice(other: Context) -> object:
        await approve(other, 3, "")
        return await approve(other, 3, "")

    ended, own, again, _ = together(made, (0, lambda _: asks()(ctx)), (5, the_same), (10, twice), (20, approves()))
    assert isinstance(own, Refused)
    assert isinstance(again, UsageError)
    assert isinstance(ended, Ended)
    assert len(made.records(Kind.APPROVED)) == 2
    assert live(made) == "1.2.0"


def test_one_that_is_rejected_changes_nothing_and_says_by_whom_and_why() -> None:
    made = world()
    before = made.snapshot()
    refused, _ = together(made, (0, asks()), (30, rejects()))
    assert isinstance(refused, NotApproved)
    assert "rejected by operator-" in refused.message
    assert "not on a Friday" in refused.message
    assert made.snapshot() == before
    assert (newest(made).number, newest(made).outcome) == (3, Outcome.ABORTED)
    assert "not on a Friday" in newest(made).cause


def test_when_the_time_is_over_it_is_given_up_and_cannot_be_approved_any_more() -> None:
    made = world()
    before = made.snapshot()
    refused, late = together(made, (0, asks()), (LIMIT + 1, approves()))
    assert isinstance(refused, NotApproved)
    assert "not approved within 10m" in refused.message
    assert isinstance(late, UsageError)
    assert made.snapshot() == before
    assert newest(made).outcome is Outcome.ABORTED


def test_killed_while_it_waits_it_leaves_nothing_that_hinders_anybody() -> None:
    made = world()
    before = made.snapshot()

    async def killed(ctx: Context) -> object:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asks(), ctx)
            await trio.sleep(50)
            made._process.journal.dead = True  # type: ignore[union-attr]  # it has one: it runs
            raise Crash

    with pytest.raises(BaseExceptionGroup):
        made.run(killed)
    assert (made.snapshot(), made.leases()) == (before, None)
    assert made.run(waiting) == []
    assert "has ended" in newest(made).cause
    assert newest(made).outcome is Outcome.ABORTED
    with pytest.raises(UsageError, match="has ended"):
        made.run(approves())
    ended, _ = together(made, (0, asks()), (5, approves(4)))
    assert isinstance(ended, Ended)
    assert live(made) == "1.2.0"


def test_interrupted_while_it_waits_it_is_given_up() -> None:
    made = world()
    before = made.snapshot()

    async def interrupted(ctx: Context) -> object:
        with trio.move_on_after(50):
            ctx.interruption.reason = "interrupted by Ctrl-C"
            await asks()(ctx)
        return None

    made.run(interrupted)
    assert (made.snapshot(), made.leases()) == (before, None)
    assert (newest(made).outcome, newest(made).cause) == (Outcome.ABORTED, "interrupted by Ctrl-C")


@pytest.mark.parametrize("automatic", [None, 2])
def test_a_rollback_gets_through_unasked_and_what_was_approved_before_it_does_not_hold(automatic: int | None) -> None:
    made = world()
    asked, back, _ = together(
        made, (0, asks()), (20, lambda ctx: rollback(ctx, automatic=automatic)), (200, approves())
    )
    assert isinstance(back, Ended)
    assert (back.deployment.number, back.deployment.outcome) == (4, Outcome.PROMOTED)
    assert isinstance(asked, NotApproved)
    assert "approved in place of 1.1.0 (release 2), and now 1.0.0 (release 1) serves" in asked.message
    assert live(made) == "1.0.0"
    ended = made.run(lambda ctx: history(ctx, Wanted(None, outcomes=("superseded",)), 9))
    assert [d.number for d in ended] == [3]


def test_an_emergency_asks_nobody() -> None:
    made = world()
    asked, ended, _ = together(
        made, (0, asks()), (20, lambda ctx: deploy(ctx, "1.3.0", urgent.plan, urgent=True)), (300, rejects())
    )
    assert isinstance(asked, NotApproved)
    assert isinstance(ended, Ended)
    assert live(made) == "1.3.0"


def test_what_serves_already_is_not_asked_for() -> None:
    made = world()
    assert isinstance(made.run(asks("1.1.0")), AlreadyLive)
    assert made.records(Kind.REQUESTED) == []


def test_another_artifact_of_the_same_version_is_not_what_was_approved() -> None:
    made = world()

    async def changed(_: Context) -> None:
        made.versions["1.2.0"] = "sha256:another"

    refused, _, _ = together(made, (0, asks()), (5, changed), (10, approves()))
    assert isinstance(refused, NotApproved)
    assert "is not the same any more" in refused.message
    assert live(made) == "1.1.0"


@pytest.mark.parametrize(
    ("act", "why"),
    [(approves(2), "wants no approval"), (rejects(2), "wants no approval"), (approves(9), "cannot find")],
)
def test_what_does_not_wait_cannot_be_answered(act: UseCase, why: str) -> None:
    made = world()
    with pytest.raises(UsageError, match=why):
        made.run(act)


def test_one_that_waits_is_rejected_and_not_aborted() -> None:
    made = world()
    refused, aborted, _ = together(made, (0, asks()), (5, lambda ctx: abort(ctx, 3)), (10, rejects()))
    assert isinstance(refused, NotApproved)
    assert isinstance(aborted, UsageError)
    assert "comporta reject 3" in aborted.next


def test_many_that_were_given_up_do_not_make_a_deployment_look_interrupted() -> None:
    made = world()
    for number in range(3, 12):
        together(made, (0, asks()), (1, rejects(number)))
    ended, _ = together(made, (0, asks()), (1, approves(12)))
    assert isinstance(ended, Ended)
    assert ended.deployment.number == 12
