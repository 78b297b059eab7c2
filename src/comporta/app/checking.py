"""Ask the gates for a deployment that is not begun."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.app.deploy import Strategy, draft_release, find_release
from comporta.app.observing import observe
from comporta.app.preflight import Preflight, ask_all
from comporta.model.preflight import GateResult


async def check(ctx: Context, preflight: Preflight, version: str, strategy: Strategy) -> list[GateResult]:
    """The results, in order. Deploys nothing, and needs no lease.

    Raises:
        ArtifactMissing: there is no such version.
    """
    snapshot = await observe(ctx)
    artifact = await ctx.ports.runtime.resolve(version)
    release = await find_release(ctx, artifact) or draft_release(ctx, artifact)
    return await ask_all(ctx, preflight, snapshot, strategy(ctx.spec, snapshot, release))
