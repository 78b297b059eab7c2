"""A deployment that wants the approval of others: it asks, waits without the lease, and then begins or is given up.

The request is a record of the journal, under the number that the deployment will have; nothing else is made, and
nothing is held. So whatever needs to get through while it waits gets through, and a process that is killed leaves no
more than a request of which everybody can tell that nobody waits for its answer. The plan is made afterwards, of the
world as it is then: what was approved is this artifact in place of that release, and it does not hold for another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from msgspec import structs

from comporta.app.context import Context
from comporta.app.deployments import Deployment, beginning, deployment_of, find_deployment
from comporta.model.approvals import Approval
from comporta.model.errors import ComportaError, Refused, UsageError
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.release import Artifact
from comporta.model.snapshot import Snapshot
from comporta.model.values import to_json
from comporta.ports.journal import Journal
from comporta.steps.keep_warm import duration
from comporta.steps.step import Facts

LOOK_EVERY = 0.5
"""Seconds between looks for an answer."""
NEWEST = 100
"""How many requests, at most, are looked through for those that wait."""


class NotApproved(ComportaError):
    """It was rejected, or nobody approved it in time. Nothing was changed."""


class Overtaken(NotApproved):
    """What was approved is not what would be done now. Nothing was changed."""


@asynccontextmanager
async def approved(ctx: Context, facts: Facts, artifact: str) -> AsyncIterator[Deployment]:
    """Ask, wait, and run the block once enough others have approved. What does not begin in the block is given up.

    Args:
        facts: what the OPENED record of the deployment would hold.
        artifact: the identity of what is to be approved.

    Raises:
        NotApproved: somebody rejected it, or the time was over.
    """
    request = await _ask(ctx, facts, artifact)
    try:
        yield await _wait(ctx, request)
    except ComportaError as error:
        outcome = Outcome.SUPERSEDED if isinstance(error, Overtaken) else Outcome.ABORTED
        await _give_up(ctx, request, outcome, error.message)
        raise
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await _give_up(ctx, request, Outcome.ABORTED, ctx.interruption.reason or "the command ended")
        raise
    await _give_up(ctx, request, Outcome.SUPERSEDED, "it serves already")


def require_as_approved(request: Deployment, snapshot: Snapshot, artifact: Artifact) -> None:
    """
    Raises:
        Overtaken: another artifact, or in place of another release, than what was approved.
    """
    assert request.approval is not None, "it was approved"
    live = snapshot.live
    serving = snapshot.routing.traffic.release_in(live.slot) if live else None
    what = f"cannot deploy {request.version}: it was approved"
    if artifact.identity != request.approval.artifact:
        raise Overtaken(f"{what}, and is not the same any more", next="ask for the new one")
    if serving != request.plan.replaces:
        text = f"{what} in place of {request.plan.replaces or 'nothing'}, and now {serving or 'nothing'} serves"
        raise Overtaken(text, next="ask for it again")


async def approve(ctx: Context, number: int, reason: str) -> Deployment:
    """Approve a deployment that waits. The process that waits goes on by itself.

    Raises:
        UsageError: it does not wait for an approval, or has this one already.
        Refused: whoever asks for a deployment does not approve it as well.
    """
    found = await _waiting(ctx, number)
    if ctx.actor == found.actor:
        raise Refused(
            f"cannot approve deployment {number}: {ctx.actor} asked for it; somebody else has to approve it",
            next=f"another user of this machine gives `comporta approve {number}`",
        )
    assert found.approval is not None, "it waits for one"
    if ctx.actor in found.approval.by:
        raise UsageError(f"cannot approve deployment {number} again: {ctx.actor} did already")
    await _answer(ctx, Kind.APPROVED, found, reason)
    return (await _request(ctx.journal, number))[0]


async def reject(ctx: Context, number: int, reason: str) -> Deployment:
    """Have a deployment that waits given up.

    Raises:
        UsageError: it does not wait for an approval.
    """
    found = await _waiting(ctx, number)
    await _answer(ctx, Kind.REJECTED, found, reason)
    return found


async def waiting(ctx: Context) -> list[Deployment]:
    """The deployments of the environment that wait for an approval, newest first."""
    asked = await ctx.journal.find(environment=ctx.environment, kinds=(Kind.REQUESTED,), limit=NEWEST)
    current = [r for r in asked if r.deployment is not None and not why_over(ctx, deployment_of(r, None))]
    found = [await _request(ctx.journal, r.deployment or 0) for r in current]
    return [
        deployment for deployment, answer in found if deployment.requested and not answer and not deployment.outcome
    ]


def as_it_stands(ctx: Context, deployment: Deployment) -> Deployment:
    """The deployment, ended where it only asked and nobody waits for an answer any more."""
    why = why_over(ctx, deployment) if deployment.requested and deployment.outcome is None else ""
    return structs.replace(deployment, outcome=Outcome.ABORTED, cause=why) if why else deployment


def why_over(ctx: Context, deployment: Deployment) -> str:
    """Why nobody waits for an answer to its request any more; empty if somebody does, as far as can be told."""
    assert deployment.approval is not None, "only what wants approval asks for it"
    if dead := ctx.host.why_dead(deployment.approval.holder):
        return f"given up while it waited for an approval: {dead}"
    return _late(deployment.approval, deployment.started) if ctx.ports.clock.now() >= deployment.approval.until else ""


def _late(approval: Approval, asked: float) -> str:
    return f"not approved within {duration(approval.until - asked)}"


async def _ask(ctx: Context, facts: Facts, artifact: str) -> Deployment:
    now, spec = ctx.ports.clock.now(), ctx.spec
    approval = Approval(
        wanted=spec.approvals, until=now + spec.approval_timeout, holder=ctx.host.me(), artifact=artifact
    )
    number = await ctx.journal.request_deployment(
        at=now, environment=ctx.environment, actor=ctx.actor, data={**facts, "approval": to_json(approval)}
    )
    request, _ = await _request(ctx.journal, number)
    ctx.tell_of((await ctx.journal.records(number))[0])
    ctx.reporter.stage(f"wait for {wanted(approval)} of deployment {number}")
    ctx.reporter.notice(
        f"deployment {number} ({request.version}) wants {wanted(approval)} within {duration(spec.approval_timeout)}: "
        f"somebody else gives `comporta approve {number}`, or `comporta reject {number}`"
    )
    return request


async def _wait(ctx: Context, request: Deployment) -> Deployment:
    """The request, once enough have approved it."""
    while True:
        found, rejected = await _request(ctx.journal, request.number)
        approval = found.approval
        assert approval is not None, "it waits for one"
        if rejected:
            raise NotApproved(f"cannot deploy {found.version}: {rejected}", next="nothing was changed")
        if len(approval.by) >= approval.wanted:
            ctx.reporter.notice(f"approved by {', '.join(approval.by)}")
            return found
        left = approval.until - ctx.ports.clock.now()
        if left <= 0:
            raise NotApproved(
                f"cannot deploy {found.version}: {_late(approval, found.started)}",
                next="nothing was changed; ask for it again when somebody is there",
            )
        have = f"approved by {', '.join(approval.by)}, " if approval.by else ""
        ctx.ports.operator.note(f"{have}{duration(float(round(left)))} left")
        await ctx.ports.clock.sleep(min(LOOK_EVERY, left))


async def _request(journal: Journal, number: int) -> tuple[Deployment, str]:
    """A deployment with the approvals that it has, and who rejected it before it had enough (empty: nobody)."""
    found, _, records = await find_deployment(journal, number)
    if found.approval is None:
        return found, ""
    by, rejected = _answers(records, found.approval.wanted)
    return structs.replace(found, approval=structs.replace(found.approval, by=by)), rejected


def _answers(records: Sequence[Record], wanted: int) -> tuple[tuple[str, ...], str]:
    by: list[str] = []
    for record in records:
        if record.kind is Kind.APPROVED and len(by) < wanted:
            by.append(record.actor)
        elif record.kind is Kind.REJECTED and len(by) < wanted:
            return tuple(by), f"rejected by {record.actor}: {record.data['reason']}"
    return tuple(by), ""


async def _waiting(ctx: Context, number: int) -> Deployment:
    """
    Raises:
        UsageError: there is no such deployment, or it does not wait for an approval.
    """
    found, rejected = await _request(ctx.journal, number)
    over = why_over(ctx, found) if found.approval and found.requested else "it has begun"
    if found.approval is None:
        over = "it wants no approval"
    elif found.outcome is not None:
        over = f"it ended {found.outcome}"
    elif rejected or (not over and len(found.approval.by) >= found.approval.wanted):
        over = rejected or "it is approved"
    if over:
        next_ = "`comporta status` lists those that wait"
        raise UsageError(f"cannot answer for deployment {number}, which waits for no approval: {over}", next=next_)
    return found


async def _answer(ctx: Context, kind: Kind, found: Deployment, reason: str) -> None:
    await ctx.journal.append(
        kind,
        at=ctx.ports.clock.now(),
        environment=found.environment,
        actor=ctx.actor,
        lease=None,
        deployment=found.number,
        data={"reason": reason},
    )


async def _give_up(ctx: Context, request: Deployment, outcome: Outcome, cause: str) -> None:
    """Record that a request is over, unless its deployment began."""
    begun = beginning(await ctx.journal.records(request.number))
    if begun is None or begun.kind is Kind.OPENED:
        return
    over = await ctx.journal.append(
        Kind.FINISHED,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        deployment=request.number,
        data={"outcome": outcome.value, "cause": cause},
    )
    ctx.tell_of(over)


def wanted(approval: Approval) -> str:
    """ "an approval", "2 approvals"."""
    return "an approval" if approval.wanted == 1 else f"{approval.wanted} approvals"
