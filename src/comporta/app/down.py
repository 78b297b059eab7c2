"""Take an environment down: all instances and the router. The journal and the logs stay."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.app.deployments import unfinished
from comporta.app.leasing import Held, held_lease
from comporta.app.maintenance import record_maintenance
from comporta.app.observing import observe
from comporta.app.running import left_behind
from comporta.model.errors import Refused
from comporta.model.journal import Kind, Outcome
from comporta.model.traffic import Slot, Traffic
from comporta.steps.health import unreachable


async def down(ctx: Context) -> None:
    """Stop serving, after asking.

    An interrupted deployment does not hinder it: whatever is there is taken down, and the deployment is over.

    Raises:
        Refused: the person said no.
    """
    async with held_lease(ctx) as held:
        snapshot = await observe(ctx)
        serving = f"{snapshot.live.occupant.release.version} serves" if snapshot.live and snapshot.live.occupant else ""
        question = f"Take {ctx.environment} down? {serving or 'Nothing serves'}; users will get no answer."
        if not await ctx.ports.operator.confirm(question):
            raise Refused("cannot take it down: not confirmed", next="say yes at the prompt, or give --yes")
        # First: once something is down, resuming a deployment could no longer come to a good end.
        await _give_up_interrupted(ctx, held)
        ctx.reporter.stage("remove the router")
        if snapshot.routing.running:
            await ctx.ports.router.shift(Traffic())
        await ctx.ports.router.remove()
        if snapshot.routing.maintenance:
            await record_maintenance(ctx, on=False)
        for slot in Slot:
            ctx.reporter.stage(f"stop {slot}")
            await ctx.ports.runtime.stop(slot)
            for instance in unreachable(await ctx.ports.runtime.observe(slot)):
                ctx.reporter.notice(left_behind(instance))
        await ctx.journal.append(
            Kind.NOTE,
            at=ctx.ports.clock.now(),
            environment=ctx.environment,
            actor=ctx.actor,
            lease=held.lease,
            data={"message": "taken down"},
        )


async def _give_up_interrupted(ctx: Context, held: Held) -> None:
    left = await unfinished(ctx.journal, ctx.environment)
    if left is not None:
        given_up = await ctx.journal.append(
            Kind.FINISHED,
            at=ctx.ports.clock.now(),
            environment=ctx.environment,
            actor=ctx.actor,
            lease=held.lease,
            deployment=left.number,
            data={"outcome": Outcome.SUPERSEDED.value, "cause": "the environment was taken down"},
        )
        ctx.tell_of(given_up)
