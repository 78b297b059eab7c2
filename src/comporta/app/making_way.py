"""Making way for a rollback: whatever else is under way in the environment is stopped and undone first."""

from __future__ import annotations

from dataclasses import dataclass, field

from comporta.app.context import Context
from comporta.app.deployments import Deployment, find_deployment, unfinished
from comporta.app.leasing import Held, Vigil, acquire, end_silent, past_silence
from comporta.app.running import Ended, request_abort, run_deployment
from comporta.model.errors import LeaseHeld, Refused
from comporta.model.journal import Lease, Outcome
from comporta.model.leases import held

LOOK_EVERY = 0.1
UNDONE_WITHIN = 30.0
"""Seconds that a deployment gets to undo itself, beside the time that it may drain."""


@dataclass
class Way:
    """How a rollback gets the lease.

    Attributes:
        wait: seconds to wait for what may not be aborted: another rollback, a lock.
        patient: abort nothing that a living process does: it may mend what is wrong.
        stopped: the deployments that were asked to abort.
    """

    ctx: Context
    wait: float
    patient: bool
    stopped: list[Deployment] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._vigil = Vigil(self.ctx)

    async def lease(self) -> Lease:
        """The lease, once what is under way has made room.

        Raises:
            LeaseHeld: another rollback is under way, a person locked the environment, or it takes too long.
            Refused: the person does not want to abort what is under way.
        """
        clock = self.ctx.ports.clock
        began = clock.monotonic()
        while True:
            try:
                return await acquire(self.ctx)
            except LeaseHeld as error:
                await self._clear(error, waited=clock.monotonic() - began)
            await clock.sleep(LOOK_EVERY)

    async def _clear(self, error: LeaseHeld, waited: float) -> None:
        """Bring on that the lease becomes free, or give up."""
        lease = await self.ctx.journal.lease(self.ctx.environment)
        running = await unfinished(self.ctx.journal, self.ctx.environment)
        if lease is None:
            return
        if not lease.manual and not self.patient and await self._vigil.silent():
            end_silent(self.ctx, lease)
        elif lease.manual or self.patient or (running and running.is_rollback):
            if waited >= self.wait:
                raise _under_way(lease, running) if running and running.is_rollback else error
            self.ctx.ports.operator.note(f"{error.message}; waiting, {self.wait - waited:.0f} s left")
        elif running and running.number not in self._seen:
            self._seen.add(running.number)
            await self._stop(running)
        elif waited >= max(self.wait, self.ctx.spec.blue_green.drain + UNDONE_WITHIN):
            raise error

    async def _stop(self, running: Deployment) -> None:
        what = f"deployment {running.number} ({running.version}, {running.strategy}, by {running.actor})"
        if not await self.ctx.ports.operator.confirm(f"{what} is under way. Abort it?"):
            raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")
        reason = f"{self.ctx.actor} rolls back"
        if await past_silence(self.ctx, lambda: request_abort(self.ctx, running.number, reason)):
            self.stopped.append(running)
            self.ctx.reporter.notice(f"asked {what} to undo what it did")
        else:
            self.ctx.reporter.notice(f"{what} is past its point of no return: waiting until it ends")


def _under_way(lease: Lease, running: Deployment) -> LeaseHeld:
    who = f"{running.actor} (process {lease.holder.pid})"
    return LeaseHeld(
        f"cannot roll back {lease.environment}: a rollback to {running.version} by {who} is under way, "
        f"deployment {running.number}",
        next="`comporta status` shows how it stands; --wait waits for it",
        details=[held(lease).message],
    )


async def settle_interrupted(ctx: Context, taken: Held, to: str | None, *, asking: bool) -> Ended | None:
    """Bring a deployment to its end that a dead process left: a rollback to the same release forward, others back.

    Args:
        to: the version that a rollback is asked for; None: whichever is known to be good.
        asking: a person decides.

    Raises:
        Refused: the person said no.

    Returns:
        How it ended; None if there was none.
    """
    left = await unfinished(ctx.journal, ctx.environment)
    if left is None:
        return None
    finishes = left.is_rollback and to in (None, left.version)
    verb = "Finish it" if finishes else "Undo it"
    what = f"deployment {left.number} ({left.version}, {left.strategy})"
    if asking and not await ctx.ports.operator.confirm(f"{what} was interrupted. {verb}?"):
        raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")
    if not finishes:
        await request_abort(ctx, left.number, f"{ctx.actor} rolls back")
    ctx.reporter.planned(left.number, left.plan)
    return await run_deployment(ctx, taken, left.number)


async def undone_under_users(ctx: Context, stopped: list[Deployment]) -> Deployment | None:
    """The one of these deployments that users had met, and that is undone: the release before it serves again."""
    for deployment in stopped:
        found, _, _ = await find_deployment(ctx.journal, deployment.number)
        if found.outcome is Outcome.ROLLED_BACK:
            return found
    return None
