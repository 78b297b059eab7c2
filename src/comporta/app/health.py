"""Ask every health check once: each live instance directly, and the service through the router."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.observing import observe
from comporta.model.checks import CheckResult, Target
from comporta.model.errors import UsageError
from comporta.steps.groups import task_group
from comporta.steps.health import ask_all, instance_targets, router_target


class Health(Struct, frozen=True):
    """Results by target and check: {"blue-1": {"api": …}, "the service": {…}}."""

    results: dict[str, dict[str, CheckResult]]

    @property
    def healthy(self) -> bool:
        return all(result.passed for checks in self.results.values() for result in checks.values())


async def health(ctx: Context) -> Health:
    """One round of checks, concurrently over all targets.

    Raises:
        UsageError: nothing is deployed.
    """
    live = (await observe(ctx)).live
    if live is None or live.occupant is None:
        raise UsageError(
            f"cannot check the health of {ctx.environment}: nothing is deployed", next="`comporta deploy VERSION`"
        )
    targets = [
        *instance_targets(live.slot, live.occupant.instances, ctx.spec.domain, ctx.ports),
        router_target(ctx.spec.domain, ctx.ports),
    ]
    return Health(await ask_targets(ctx, targets))


async def ask_targets(ctx: Context, targets: Sequence[Target]) -> dict[str, dict[str, CheckResult]]:
    """Every health check of every target once, concurrently: target name → check name → result."""
    results: dict[str, dict[str, CheckResult]] = {target.name: {} for target in targets}

    async def one(target: Target) -> None:
        results[target.name] = await ask_all(ctx.spec.health.checks, target, ctx.ports)

    async with task_group() as group:
        for target in targets:
            group.start_soon(one, target)
    return results
