"""Apply what waited for the watch window: the migrations that take away what only earlier releases needed."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from comporta.app.context import Context
from comporta.app.database import assessed, migrator
from comporta.app.deploy import look, require_settled
from comporta.app.deployments import Deployment, deployments, releases
from comporta.app.known_good import EMERGENCY_WATCH
from comporta.app.leasing import held_lease
from comporta.app.schema import require_safe
from comporta.app.vault import vault
from comporta.model.backups import BEFORE_CONTRACT
from comporta.model.errors import ComportaError, Refused, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.migrations import Assessment, pending
from comporta.model.release import Occupant, SlotState
from comporta.model.snapshot import Snapshot
from comporta.ports.bundle import Ports
from comporta.steps.back_up_database import BackUpDatabase
from comporta.steps.keep_warm import duration
from comporta.steps.migrate_database import MigrateDatabase
from comporta.strategies.parts import witness


class Contracted(Struct, frozen=True):
    """What was applied (nothing: there was nothing to do), the backup from before, and the release that was stopped."""

    version: str
    applied: tuple[str, ...]
    backup: str = ""
    stopped: str = ""


async def contract(ctx: Context, *, now: bool = False, reason: str = "", wait: float = 0.0) -> Contracted:
    """Apply what the live release brings and the database lacks, after asking. It can be given again after a crash.

    Args:
        now: also within the watch window; then there must be a reason.

    Raises:
        UsageError: nothing serves, or the config names no migrator.
        Refused: the watch window is not over; or the person said no.
        MigrationFailed: a migration would block the users, or failed and was undone.
        StepFailed: the release that serves does not live with it, and it was undone.
    """
    if now and not reason:
        raise UsageError("cannot contract before the watch window is over: no reason", next="give --reason")
    port = migrator(ctx)
    async with held_lease(ctx, wait=wait) as held:
        held.doing = "contracting the database"
        await require_settled(ctx)
        snapshot = await look(ctx)
        live = _occupant(snapshot)
        brought, state = await port.migrations(live.artifact), await port.current(live.artifact)
        waiting = await assessed(ctx, pending(brought, state))
        if not waiting:
            return Contracted(live.release.version, ())
        for one in waiting:
            require_safe([one], one.phase)
        if not now:
            await _require_watched(ctx, live)
        act = _Act(ctx, snapshot, live, waiting, state.revision, reason)
        return await act.carried_out()


class _Act(Struct, frozen=True):
    ctx: Context
    snapshot: Snapshot
    live: Occupant
    waiting: tuple[Assessment, ...]
    revision: str | None
    reason: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.migration.name for one in self.waiting)

    async def carried_out(self) -> Contracted:
        earlier = await self._warm()
        await self._ask(earlier)
        release = {"version": self.live.release.version, "release": self.live.release.number}
        await self._record("begun", names=list(self.names), reason=self.reason, **release)
        try:
            done = await self._contracted(earlier)
        except ComportaError as error:
            await self._record("failed", cause=error.message)
            raise
        await self._record("applied", applied=list(done.applied), backup=done.backup, stopped=done.stopped)
        return done

    async def _contracted(self, earlier: SlotState | None) -> Contracted:
        ports = replace(self.ctx.ports, vault=vault(self.ctx))
        backup = await self._backed_up(ports)
        if earlier is not None and earlier.occupant is not None:
            self.ctx.reporter.stage(f"stop {earlier.occupant.release} in {earlier.slot}")
            await ports.runtime.stop(earlier.slot)
        step = MigrateDatabase(
            artifact=self.live.artifact,
            to=self.waiting[-1].migration.revision,
            back_to=self.revision,
            names=self.names,
            witness=witness(self.ctx.spec, self.snapshot),
        )
        self.ctx.reporter.stage(step.title)
        facts = await step.do(ports, ports.clock.now())
        stopped = str(earlier.occupant.release) if earlier and earlier.occupant else ""
        return Contracted(self.live.release.version, tuple(facts["applied"]), backup, stopped)

    async def _warm(self) -> SlotState | None:
        """The slot without traffic, if an earlier release runs there that does not bring these migrations."""
        other = self.snapshot.slot(self.snapshot.live.slot.other) if self.snapshot.live else None
        if other is None or other.occupant is None:
            return None
        number = other.occupant.release.number
        known = await releases(self.ctx.journal, self.ctx.environment)
        contracts = next((release.contracts for release in known if release.number == number), ())
        return other if {one.migration.revision for one in self.waiting} - set(contracts) else None

    async def _ask(self, earlier: SlotState | None) -> None:
        warm = f" {earlier.occupant.release} is still warm and will be stopped." if earlier and earlier.occupant else ""
        question = (
            f"Apply {', '.join(self.names)}? Releases before {self.live.release} cannot serve any more then, unless "
            f"a rollback undoes this and loses data.{warm} A verified backup is made first."
        )
        if not await self.ctx.ports.operator.confirm(question):
            raise Refused("cannot contract: not confirmed", next="say yes at the prompt, or give --yes")

    async def _backed_up(self, ports: Ports) -> str:
        step = BackUpDatabase(purpose=f"{BEFORE_CONTRACT} {self.waiting[-1].migration.revision}")
        self.ctx.reporter.stage(step.title)
        return str((await step.do(ports, ports.clock.now()))["backup"])

    async def _record(self, did: str, **facts: Any) -> None:
        await self.ctx.journal.append(
            Kind.CONTRACT,
            at=self.ctx.ports.clock.now(),
            environment=self.ctx.environment,
            actor=self.ctx.actor,
            lease=None,
            data={"did": did, **facts},
        )


def _occupant(snapshot: Snapshot) -> Occupant:
    if snapshot.live is None or snapshot.live.occupant is None:
        raise UsageError("cannot contract the database: nothing serves", next="`comporta deploy VERSION`")
    return snapshot.live.occupant


async def _require_watched(ctx: Context, live: Occupant) -> None:
    """Raises Refused: until its watch window is over, a rollback must cost nothing."""
    since = next((one for one in await deployments(ctx.journal, ctx.environment) if _brought_live(one, live)), None)
    if since is None or since.ended is None:
        return
    needed = ctx.spec.watch.window * (EMERGENCY_WATCH if since.strategy == "emergency" else 1)
    if (left := since.ended + needed - ctx.ports.clock.now()) > 0:
        raise Refused(
            f"cannot contract the database: {live.release} is watched for another {duration(left)}, and a rollback "
            "must cost nothing until then",
            next="wait, or give --now with a --reason",
        )


def _brought_live(deployment: Deployment, live: Occupant) -> bool:
    return deployment.outcome is Outcome.PROMOTED and deployment.release == live.release.number
