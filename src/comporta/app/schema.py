"""The database beside a release that is about to serve: what has to be applied for it, or undone. Changes nothing.

An earlier release lives with whatever was only added. What it cannot live with is an applied contract migration that it
does not bring itself; which ones these are, the releases recorded (`Release.contracts`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.database import assessed, migrator
from comporta.app.deployments import releases
from comporta.model.errors import MigrationFailed, Refused
from comporta.model.migrations import Assessment, Hazard, Migration, Phase, SchemaState, before_switch, pending, to_undo
from comporta.model.release import Artifact, Release
from comporta.model.schema import Schema, Undoing
from comporta.model.snapshot import Snapshot


class Brought(Struct, frozen=True):
    """What a release brings: the database as it needs it, and the revision and contracts that it is recorded with."""

    schema: Schema | None = None
    revision: str | None = None
    contracts: tuple[str, ...] = ()


async def brought(ctx: Context, snapshot: Snapshot, artifact: Artifact) -> Brought:
    """What deploying it would change, after reading every statement of that.

    Raises:
        MigrationFailed: a migration is not safe before the switch, or does not follow from what is applied.
        Refused: the release cannot live with what the database has, or needs what still waits.
    """
    if ctx.ports.migrator is None:
        return Brought()
    ctx.reporter.stage("read the migrations")
    known = await ctx.ports.migrator.migrations(artifact)
    phases = {one.migration.revision: one.phase for one in await assessed(ctx, known, lint=False)}
    contracts = tuple(revision for revision, phase in phases.items() if phase is Phase.CONTRACT)
    state = await ctx.ports.migrator.current(artifact)
    await _require_livable(ctx, artifact, contracts, state)
    missing = pending(known, state)
    fresh = snapshot.live is None and state.revision is None and state.unfinished is None
    schema = _everything(missing) if fresh else await _split(ctx, missing, state)
    expands = [revision for revision, phase in phases.items() if phase is Phase.EXPAND]
    return Brought(schema, expands[-1] if expands else None, contracts)


async def for_rollback(ctx: Context, release: Release) -> Schema | None:
    """What has to be undone before an earlier release can serve; None: nothing, the code is all that changes.

    The database is asked only where there is a contract at all that the release does not know.

    Raises:
        MigrationFailed: it cannot be asked.
    """
    bearer = await _bearer(ctx, release.contracts)
    if bearer is None or ctx.ports.migrator is None:
        return None
    state = await ctx.ports.migrator.current(bearer.artifact)
    known = await ctx.ports.migrator.migrations(bearer.artifact)
    order = [migration.revision for migration in known]
    hurting = [revision for revision in order if revision in _hurting(bearer.contracts, release.contracts, state)]
    if not hurting:
        return None
    first = order.index(hurting[0])
    later = [one for one in reversed(known[first:]) if one.revision in (*state.applied, state.unfinished)]
    phases = tuple(Phase.CONTRACT if one.revision in bearer.contracts else Phase.EXPAND for one in later)
    to = order[first - 1] if first else None
    undoing = Undoing(artifact=bearer.artifact, migrations=tuple(later), to=to, phases=phases)
    if not undoing.final:
        to_undo(known, state, to)  # raises where the release does not know what else is applied
    return Schema(revision=state.revision, undoing=undoing)


def require_safe(assessments: Sequence[Assessment], phase: Phase) -> None:
    """Raises MigrationFailed: one of them may not be applied in this phase."""
    hazards = [hazard for one in assessments for hazard in one.hazards if hazard.stops(phase)]
    if hazards:
        files = ", ".join(dict.fromkeys(hazard.file for hazard in hazards))
        raise MigrationFailed(
            f"cannot apply {files}: not safe while users are served; nothing was changed",
            details=[line for hazard in hazards for line in _told(hazard)],
            next="write it as told, or give a reason at the statement: `-- comporta: safe because …`",
        )


def _everything(missing: tuple[Migration, ...]) -> Schema:
    """Nobody is served, and there are no data: nothing that a migration does can hurt."""
    return Schema(expand=missing)


async def _split(ctx: Context, missing: tuple[Migration, ...], state: SchemaState) -> Schema:
    assessments = await assessed(ctx, missing)
    expand = before_switch(assessments)
    waiting = assessments[len(expand) :]
    if late := [one.migration.name for one in waiting if one.phase is Phase.EXPAND]:
        raise Refused(
            f"cannot deploy: it needs {late[0]}, which comes after {waiting[0].migration.name}, and that still waits",
            next="`comporta database contract` applies what waits, once the release that serves brings it",
        )
    require_safe(assessments[: len(expand)], Phase.EXPAND)
    contract = tuple(one.migration for one in waiting)
    return Schema(revision=state.revision, expand=expand, contract=contract)


async def _require_livable(ctx: Context, artifact: Artifact, contracts: tuple[str, ...], state: SchemaState) -> None:
    bearer = await _bearer(ctx, contracts)
    if bearer is None:
        return
    seen = await migrator(ctx).current(bearer.artifact)
    if hurting := _hurting(bearer.contracts, contracts, seen):
        raise Refused(
            f"cannot deploy {artifact.version}: the database has {', '.join(hurting)} of {bearer.artifact.version}, "
            "which took away what it may need",
            next=f"deploy a release that brings these migrations too; or, if it served before, "
            f"`comporta rollback --to {artifact.version}` undoes them, and tells which data that costs",
        )


async def _bearer(ctx: Context, contracts: Sequence[str]) -> Release | None:
    """The newest release with a contract that is not among these."""
    known = await releases(ctx.journal, ctx.environment)
    return next((release for release in known if set(release.contracts) - set(contracts)), None)


def _hurting(applicable: Sequence[str], known: Sequence[str], state: SchemaState) -> list[str]:
    return [one for one in applicable if one not in known and one in (*state.applied, state.unfinished)]


def _told(hazard: Hazard) -> list[str]:
    return [f"{hazard.file}:{hazard.line}: {hazard.message} ({hazard.rule})", f"  instead: {hazard.remedy}"]
