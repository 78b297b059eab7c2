"""Bring an earlier release back: from its warm slot at once, or by starting it afresh."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from comporta.app.closing import PAGE_STAYS, close_if_nothing_serves
from comporta.app.context import Context
from comporta.app.deploy import AlreadyLive, look, open_and_run
from comporta.app.deployments import Deployment, deployments, find_deployment
from comporta.app.leasing import Held, holding
from comporta.app.losing import Agreed, agree_to_loss
from comporta.app.maintenance import record_maintenance
from comporta.app.maintenance_page import page as page_with
from comporta.app.making_way import Way, settle_interrupted, undone_under_users
from comporta.app.running import Ended
from comporta.app.schema import for_rollback
from comporta.app.targets import Target, choose
from comporta.model.errors import ArtifactMissing, ComportaError, MigrationFailed, Refused
from comporta.model.journal import Outcome
from comporta.model.schema import Schema
from comporta.model.snapshot import Snapshot
from comporta.strategies import rollback as strategy

NOTHING = Agreed()
REACTION = 5.0
"""Seconds in which a person cannot have seen what happened: two who roll back at once mean the same release."""


async def rollback(
    ctx: Context,
    *,
    to: str | None = None,
    reason: str = "",
    wait: float = 0.0,
    emergency: bool = False,
    automatic: int | None = None,
    agreed: Agreed = NOTHING,
) -> Ended | AlreadyLive:
    """Make an earlier release live again, after saying which and why, and asking.

    A deployment that is under way is aborted first. If users had met it, the release before serves again by that,
    and nothing more is done unless `to` says so.

    Args:
        to: its version; None means the last known good one.
        wait: seconds to wait for another rollback, or for a lock.
        emergency: with as little as possible before the switch, and a maintenance page where nothing serves.
        automatic: the deployment whose release the watch found bad. Nobody is asked.
        agreed: to what it costs to bring the database back, where the release needs that.

    Raises:
        UsageError: there is no such release to go back to.
        ArtifactMissing: what it was made of is gone.
        LeaseHeld: another rollback is under way, or the environment is locked.
        Refused: the person said no; or deployment `automatic` was answered before, or does not serve any more.
    """
    asked = ctx.ports.clock.now()
    ctx.reporter.stage("take the lease")
    way = Way(ctx, wait, patient=automatic is not None)
    async with holding(ctx, await way.lease()) as held:
        wish = _Wish(ctx, held, asked, to, reason, emergency, automatic, agreed)
        return await wish.settled(way.stopped) or await wish.carried_out()


@dataclass
class _Wish:
    """A rollback that holds the lease. `asked`: when it began, before it waited for anything (epoch seconds)."""

    ctx: Context
    held: Held
    asked: float
    to: str | None
    reason: str
    emergency: bool
    automatic: int | None
    agreed: Agreed

    async def settled(self, stopped: list[Deployment]) -> Ended | AlreadyLive | None:
        """What serves already because of what was under way, where that is what was asked for."""
        if self.automatic is not None:
            await require_unanswered(self.ctx, self.automatic)
        if left := await settle_interrupted(self.ctx, self.held, self.to, asking=self.automatic is None):
            stopped = [*stopped, left.deployment]
            if left.deployment.is_rollback and left.deployment.outcome is Outcome.PROMOTED:
                return left
        if self.to is not None:
            return None
        if undone := await undone_under_users(self.ctx, stopped):
            return await self._serving(f"deployment {undone.number} ({undone.version}) was undone")
        if other := await self._just_rolled_back():
            further = "; `comporta rollback --to VERSION` goes further back"
            return await self._serving(f"{other.actor} has just rolled back to it, deployment {other.number}{further}")
        return None

    async def carried_out(self) -> Ended | AlreadyLive:
        snapshot = await look(self.ctx)
        if self.automatic is not None:
            await require_live(self.ctx, snapshot, self.automatic)
        page = await close_if_nothing_serves(self.ctx, snapshot) if self.emergency else None
        target = await self._target(snapshot, closed=page is not None)
        live = snapshot.live
        if live and live.occupant and live.running and live.occupant.release == target.release.ref and page is None:
            return AlreadyLive(target.release.artifact.version, target.release.number)
        said = self._say(target)
        # Closing was asked about, and nobody gains from a second question then.
        if page is None and self.automatic is None:
            await self._ask(target)
        schema = await self._schema(target)
        if page is None and schema is not None and schema.undoing is not None and schema.undoing.breaks_live:
            page = page_with(self.ctx.spec, "")
            await record_maintenance(self.ctx, on=True)
        snapshot = msgspec.structs.replace(snapshot, schema=schema)
        plan = strategy.plan(self.ctx.spec, snapshot, target.release, emergency=self.emergency, page=page)
        ended = await open_and_run(self.ctx, self.held, plan, self.reason, self.automatic)
        if page is not None and not ended.maintenance:
            await record_maintenance(self.ctx, on=False)
        return msgspec.structs.replace(ended, notes=(*ended.notes, *said, *await self._afterthoughts(ended, target)))

    async def _target(self, snapshot: Snapshot, *, closed: bool) -> Target:
        try:
            return await choose(self.ctx, snapshot, self.to)
        except ComportaError:
            if closed:
                self.ctx.reporter.notice(PAGE_STAYS)
            raise

    def _say(self, target: Target) -> list[str]:
        how = "it is still warm" if target.warm else "it will be started again"
        passed = [f"passed over {each}" for each in target.passed_over]
        said = [f"back to {target.release.ref}: it is {target.why}; {how}", *passed]
        for line in said:
            self.ctx.reporter.notice(line)
        return said

    async def _ask(self, target: Target) -> None:
        if not await self.ctx.ports.operator.confirm(f"Roll {self.ctx.environment} back to {target.release.ref}?"):
            raise Refused("cannot roll back: not confirmed", next="say yes at the prompt, or give --yes")

    async def _schema(self, target: Target) -> Schema | None:
        """What has to be undone in the database, agreed to; None in the normal case."""
        try:
            schema = await for_rollback(self.ctx, target.release)
        except MigrationFailed as error:
            if not self.emergency:
                advice = "`comporta rollback --emergency` goes back in the code alone"
                raise MigrationFailed(error.message, details=error.details, next=error.next or advice) from None
            self.ctx.reporter.notice(f"the database is left as it is: {error.message}")
            return None
        if schema is None or schema.undoing is None:
            return None
        if self.automatic is not None:
            names = ", ".join(migration.name for migration in schema.undoing.migrations)
            raise Refused(
                f"cannot roll back by itself: {target.release.ref} cannot live with {names}, and undoing it loses data",
                next="`comporta rollback` tells which, and asks",
            )
        undoing = await agree_to_loss(self.ctx, target.release, schema.undoing, self.agreed)
        return msgspec.structs.replace(schema, undoing=undoing)

    async def _afterthoughts(self, ended: Ended, target: Target) -> list[str]:
        """What there was no time to look at before the switch, or what is wrong beside the release."""
        notes: list[str] = []
        if target.warm and ended.deployment.outcome is Outcome.PROMOTED:
            try:
                await self.ctx.ports.runtime.verify(target.release.artifact)
            except ArtifactMissing as error:
                notes.append(f"it serves, but could not be started again: {error.message}")
        records = await self.ctx.journal.records(ended.deployment.number)
        unwell = [record.data["unhealthy"] for record in records if "unhealthy" in record.data]
        notes += [f"it serves, but is not well: {'; '.join(lines[:3])}" for lines in unwell]
        for note in notes:
            self.ctx.reporter.notice(note)
        return notes

    async def _just_rolled_back(self) -> Deployment | None:
        latest = await deployments(self.ctx.journal, self.ctx.environment, limit=1)
        for found in latest:
            since = found.ended is not None and found.ended >= self.asked - REACTION
            if since and found.is_rollback and found.outcome is Outcome.PROMOTED:
                return found
        return None

    async def _serving(self, why: str) -> AlreadyLive | None:
        """What serves now; None if nothing does, or nothing that lives where that is what counts."""
        snapshot = await look(self.ctx)
        live = snapshot.live
        if live is None or live.occupant is None or not live.running:
            return None
        return AlreadyLive(live.occupant.release.version, live.occupant.release.number, why)


async def require_unanswered(ctx: Context, number: int) -> None:
    """At most one automatic rollback per deployment, and none of an automatic rollback.

    Raises:
        UsageError: there is no such deployment.
        Refused: it would be a loop.
    """
    bad, _, _ = await find_deployment(ctx.journal, number)
    advice = "`comporta rollback` goes further back, if a person wants to"
    if bad.automatic is not None:
        raise Refused(f"cannot roll back by itself: deployment {number} is an automatic rollback already", next=advice)
    for answer in await deployments(ctx.journal, ctx.environment):
        if answer.automatic == number:
            text = f"deployment {number} was answered by deployment {answer.number} ({answer.outcome})"
            raise Refused(f"cannot roll back by itself: {text}", next=advice)


async def require_live(ctx: Context, snapshot: Snapshot, number: int) -> None:
    """The release of the deployment serves still.

    Raises:
        Refused: somebody was quicker.
    """
    bad, _, _ = await find_deployment(ctx.journal, number)
    live = snapshot.live
    serving = snapshot.routing.traffic.release_in(live.slot) if live else None
    if serving is None or serving.number != bad.release:
        raise Refused(f"cannot roll back by itself: {serving or 'nothing'} serves, not {bad.version} any more")
