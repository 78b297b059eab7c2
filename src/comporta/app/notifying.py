"""Telling receivers what happens: the journal is read, never the deployment asked, so nothing waits for a receiver.

A message is taken in together with the journal's position, so it is taken in once; it is sent until it arrived, so a
crash in the instant between its arrival and the note of it sends it twice, under the same id.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from comporta.app.context import Alerts, Context
from comporta.app.messages import KINDS, messages_after, sample_message
from comporta.model.deliveries import Delivery, Status
from comporta.model.errors import ComportaError, OutboxError, UsageError
from comporta.model.journal import Kind
from comporta.model.messages import Message, wanted
from comporta.ports.notifier import Receiver
from comporta.steps.groups import task_group

LOOK_EVERY = 0.5
"""Seconds between looks for something new to tell."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds before the second try; doubled for each further one, up to the longest."""
GIVE_UP_AFTER = 3600.0
"""Seconds after which a message is not tried again."""
KEEP_FOR = 24 * 3600.0
"""How long `comporta status` tells about a message that was given up, in seconds."""
LATE = 60.0
"""Seconds after which a message that nobody tried to deliver is one that waits."""
FRESH, NEWEST = 60.0, 100
"""Seconds in which whoever was woken surely has come; and how many records are looked at for that, at most."""
PATIENCE = 10.0
"""Seconds before a daemon uses the outbox again that could not be used."""

Tell = Callable[[str], None]


class Undelivered(Struct, frozen=True):
    """What did not arrive: `waiting` is tried again, `given_up` is not. `problem`: why the outbox cannot be read."""

    waiting: list[Delivery] = field(default_factory=list)
    given_up: list[Delivery] = field(default_factory=list)
    problem: str = ""


async def deliver(ctx: Context, *, tell: Tell) -> None:
    """Deliver until nothing is pending and no deployment runs. Does nothing where another process is at it.

    Args:
        tell: is told what was delivered and what was not.
    """
    alerts = ctx.alerts
    while alerts is not None:
        with alerts.outbox.turn(ctx.environment) as mine:
            if not mine:
                return
            await _work(ctx, alerts, tell, forever=False)
        # Whoever came meanwhile found us at it and went: look once more, now that it is not our turn.
        if not await _behind(ctx, alerts):
            return


async def deliver_forever(ctx: Context, tell: Tell) -> None:
    """The same as a task of a daemon: whatever is wrong with the outbox, it goes on once that is over."""
    alerts = ctx.alerts
    while alerts is not None:
        try:
            with alerts.outbox.turn(ctx.environment) as mine:
                if mine:
                    await _work(ctx, alerts, tell, forever=True)
        except ComportaError as error:
            tell(error.message)
        await ctx.ports.clock.sleep(PATIENCE)


async def send_test(ctx: Context) -> list[tuple[str, str]]:
    """Send a test message to all receivers at once: the label of each, and what went wrong (empty: nothing).

    Raises:
        UsageError: there is no receiver.
    """
    alerts = ctx.alerts
    if alerts is None:
        raise UsageError(
            f"cannot test the alerts of {ctx.environment}: nobody is to be told",
            next='add receivers to comporta.yml, such as alerts: [{webhook: "https://…"}]',
        )
    message = sample_message(ctx.spec.service, ctx.environment, ctx.actor, ctx.ports.clock.now())
    failures: dict[str, str] = {}

    async def one(receiver: Receiver) -> None:
        failures[receiver.key] = await _send(alerts, receiver, message)

    async with task_group() as group:
        for receiver in alerts.receivers:
            group.start_soon(one, receiver)
    return [(receiver.label, failures[receiver.key]) for receiver in alerts.receivers]


async def undelivered(ctx: Context) -> Undelivered:
    """What is being tried again, and what was given up lately."""
    if ctx.alerts is None:
        return Undelivered()
    try:
        found = await ctx.alerts.outbox.all(ctx.environment)
    except OutboxError as error:
        return Undelivered(problem=error.message)
    now = ctx.ports.clock.now()
    pending = [d for d in found if d.status is Status.PENDING]
    return Undelivered(
        waiting=[d for d in pending if d.tries or d.due < now - LATE],
        given_up=[d for d in found if d.status is Status.GIVEN_UP and d.due > now - KEEP_FOR],
    )


async def _work(ctx: Context, alerts: Alerts, tell: Tell, *, forever: bool) -> None:
    clock = ctx.ports.clock
    await alerts.outbox.forget(ctx.environment, clock.now() - KEEP_FOR)
    await _begin(ctx, alerts)
    async with task_group() as group:
        for receiver in alerts.receivers:
            group.start_soon(_serve, ctx, alerts, receiver, tell)
        while True:
            # In this order: what ends meanwhile is seen by the look that comes after.
            busy = forever or await _somebody_deploys(ctx)
            await _take_in(ctx, alerts)
            if not busy and not await _pending(ctx, alerts):
                break
            await clock.sleep(LOOK_EVERY)
        group.cancel_scope.cancel()


async def _begin(ctx: Context, alerts: Alerts) -> None:
    """The first time (or where the journal is another one now), nothing old is told.

    What is fresh is told: whoever wrote it wants it told, and may be about to note that in the outbox.
    """
    position, end = await alerts.outbox.position(ctx.environment), await _end(ctx)
    if position is None or position > end:
        await alerts.outbox.take_in(ctx.environment, await _before_the_fresh(ctx, end), [])


async def _before_the_fresh(ctx: Context, end: int) -> int:
    newest = await ctx.journal.find(environment=ctx.environment, kinds=KINDS, limit=NEWEST)
    fresh = [record.sequence for record in newest if record.at > ctx.ports.clock.now() - FRESH]
    return fresh[-1] - 1 if fresh else end


async def _end(ctx: Context) -> int:
    newest = await ctx.journal.find(kinds=tuple(Kind), limit=1)
    return newest[0].sequence if newest else 0


async def _behind(ctx: Context, alerts: Alerts) -> bool:
    position = await alerts.outbox.position(ctx.environment) or 0
    return bool(await ctx.journal.find(environment=ctx.environment, kinds=KINDS, after=position, limit=1))


async def _take_in(ctx: Context, alerts: Alerts) -> None:
    position = await alerts.outbox.position(ctx.environment) or 0
    found = await messages_after(ctx.journal, ctx.spec.service, ctx.environment, position)
    if not found:
        return
    deliveries = [
        Delivery(sequence=sequence, receiver=r.key, label=r.label, message=message, due=message.at)
        for sequence, message in found
        for r in alerts.receivers
        if wanted(r.events, message)
    ]
    await alerts.outbox.take_in(ctx.environment, found[-1][0], deliveries)


async def _pending(ctx: Context, alerts: Alerts) -> bool:
    """Something is to be delivered still. What nobody of the config waits for any more is given up."""
    known = {receiver.key for receiver in alerts.receivers}
    pending = [d for d in await alerts.outbox.all(ctx.environment) if d.status is Status.PENDING]
    for delivery in pending:
        if delivery.receiver not in known:
            gone = replace(delivery, status=Status.GIVEN_UP, error="this receiver is not in the config any more")
            await alerts.outbox.update(ctx.environment, gone)
    return any(d.receiver in known for d in pending)


async def _somebody_deploys(ctx: Context) -> bool:
    lease = await ctx.journal.lease(ctx.environment)
    return lease is not None and not lease.manual and not ctx.host.why_dead(lease.holder)


async def _serve(ctx: Context, alerts: Alerts, receiver: Receiver, tell: Tell) -> None:
    """Deliver to one receiver, whatever the others do."""
    while True:
        now = ctx.ports.clock.now()
        for delivery in await alerts.outbox.all(ctx.environment):
            mine = delivery.receiver == receiver.key and delivery.status is Status.PENDING
            if mine and delivery.due <= now:
                await _attempt(ctx, alerts, receiver, delivery, tell)
        await ctx.ports.clock.sleep(LOOK_EVERY)


async def _attempt(ctx: Context, alerts: Alerts, receiver: Receiver, delivery: Delivery, tell: Tell) -> None:
    clock, what = ctx.ports.clock, f"{delivery.message.event} ({delivery.message.id})"
    if receiver.once and delivery.tries:
        failure = "it was cut off"
    else:
        # Noted before: if we are killed in the middle of it, a hook is not run again.
        delivery = replace(delivery, tries=delivery.tries + 1)
        await alerts.outbox.update(ctx.environment, delivery)
        failure = await _send(alerts, receiver, delivery.message)
    if not failure:
        await alerts.outbox.delivered(ctx.environment, delivery)
        tell(f"told {receiver.label}: {what}")
        return
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(delivery.tries - 1, 30))
    due = clock.now() + wait
    over = receiver.once or due > delivery.message.at + GIVE_UP_AFTER
    status = Status.GIVEN_UP if over else Status.PENDING
    await alerts.outbox.update(ctx.environment, replace(delivery, status=status, due=due, error=failure))
    tell(f"cannot tell {receiver.label}: {what}: {failure}; {'given up' if over else f'again in {wait:g} s'}")


async def _send(alerts: Alerts, receiver: Receiver, message: Message) -> str:
    """Why it did not arrive, in one line without secrets; empty if it did."""
    try:
        await receiver.notifier.send(message)
    except ComportaError as error:
        return alerts.redact(error.message)
    except Exception as error:  # other people's code: whatever it raises, only this message waits
        return alerts.redact(f"{type(error).__name__}: {error}")
    return ""
