"""Ask the gates for a deployment that is not begun."""

from __future__ import annotations

from msgspec import structs

from comporta.app.context import Context
from comporta.app.deploy import Strategy, draft_release, find_release
from comporta.app.observing import observe
from comporta.app.preflight import Preflight, ask_all
from comporta.app.schema import brought
from comporta.model.preflight import GateResult


async def check(ctx: Context, preflight: Preflight, version: str, strategy: Strategy) -> list[GateResult]:
    """The results, in order. Deploys nothing, and needs no lease.

    Raises:
        ArtifactMissing: there is no such version.
        MigrationFailed: a migration is not safe while users are served.
    """
    snapshot = await observe(ctx)
    artifact = await ctx.ports.runtime.resolve(version)
    database = await brought(ctx, snapshot, artifact)
    snapshot = structs.replace(snapshot, schema=database.schema)
    release = await find_release(ctx, artifact) or draft_release(ctx, artifact, database)
    return await ask_all(ctx, preflight, snapshot, strategy(ctx.spec, snapshot, release))
