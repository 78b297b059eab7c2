"""Delivery on virtual time: each message once to each receiver, tried again, given up, never in anybody's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import trio
from msgspec.structs import replace

from comporta.app.context import Alerts, Context
from comporta.app.deploy import deploy
from comporta.app.notifying import deliver, deliver_forever, send_test, undelivered
from comporta.model.errors import NotifyFailure, OutboxError, UsageError
from comporta.model.journal import Kind, Record
from comporta.model.messages import Message
from comporta.ports.notifier import Receiver
from comporta.strategies import blue_green
from comporta.testing.fake_outbox import FakeOutbox
from simulation.world import World

SECRET = "hunter2"


@dataclass
class Listener:
    """A receiver that remembers what it got; `fails` says how the first tries end ("" is well, "hang" never ends)."""

    fails: list[str] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.asked.append(trio.current_time())
        failure = self.fails.pop(0) if self.fails else ""
        if failure == "hang":
            await anyio.sleep_forever()
        if failure:
            raise NotifyFailure(failure)
        self.got.append(message)

    @property
    def events(self) -> list[str]:
        return [message.event.value for message in self.got]


def receiver(notifier: Listener, key: str = "a", events: tuple[str, ...] = (), once: bool = False) -> Receiver:
    return Receiver(key=key, label=f"webhook {key}", events=events, once=once, notifier=notifier)


def at_once(act: Coroutine[Any, Any, None]) -> None:
    """Run what never waits, where nothing can be awaited."""
    with pytest.raises(StopIteration):
        act.send(None)


class Office:
    """A world with receivers. `woken` are the records of which somebody was to be told."""

    def __init__(self, *receivers: Receiver, outbox: FakeOutbox | None = None) -> None:
        self.world = World()
        self.receivers = receivers
        self.outbox = outbox or FakeOutbox()
        self.woken: list[Record] = []
        self.said: list[str] = []

    def context(self) -> Context:
        ctx = self.world.context()
        alerts = Alerts(self.receivers, self.outbox, lambda text: text.replace(SECRET, "***"), self.woken.append)
        return replace(ctx, alerts=alerts)

    def run(self, act: Callable[[Context], Awaitable[Any]]) -> Any:
        ctx = self.context()
        try:
            return self.world.clock.run(lambda: act(ctx))
        finally:
            self.world.living.discard(ctx.host.me().pid)

    def deploy(self, version: str = "1.0.0") -> None:
        self.run(lambda ctx: deploy(ctx, version, blue_green.plan))

    def deliver(self) -> None:
        self.run(lambda ctx: deliver(ctx, tell=self.said.append))


def test_a_deployment_is_told_as_it_began_and_as_it_ended_each_once() -> None:
    listener = Listener()
    office = Office(receiver(listener))
    office.deploy()
    office.deliver()
    office.deliver()
    assert listener.events == ["started", "promoted"]
    assert len({message.id for message in listener.got}) == 2


def test_whoever_delivers_is_woken_when_it_begins_and_when_it_ended() -> None:
    office = Office(receiver(Listener()))
    office.deploy()
    assert [record.kind for record in office.woken] == [Kind.OPENED, Kind.OPENED]


def test_the_first_time_nothing_old_is_told() -> None:
    listener = Listener()
    office = Office(receiver(listener))
    office.deploy()
    office.world.wait(60)
    office.deliver()
    assert listener.got == []
    office.deploy("1.1.0")
    office.deliver()
    assert [(m.event.value, m.version) for m in listener.got] == [("started", "1.1.0"), ("promoted", "1.1.0")]


def test_a_journal_that_is_another_one_now_is_told_from_its_beginning_on() -> None:
    listener = Listener()
    office = Office(receiver(listener))
    office.run(lambda ctx: office.outbox.take_in("test", 10_000, []))
    office.deploy()
    office.deliver()
    assert listener.events == ["started", "promoted"]


def test_a_receiver_gets_only_the_events_it_asks_for() -> None:
    all_, failed = Listener(), Listener()
    office = Office(receiver(all_), receiver(failed, "b", events=("deploy-failed",)))
    office.world.sick.add("1.1.0")
    office.deploy()
    office.deploy("1.1.0")
    office.deliver()
    assert all_.events == ["started", "promoted", "started", "aborted"]
    assert failed.events == ["aborted"]
    assert failed.got[0].cause


def test_a_failed_delivery_is_tried_again_after_longer_and_longer_waits() -> None:
    listener = Listener(fails=["status 503"] * 5)
    office = Office(receiver(listener, events=("promoted",)))
    office.deploy()
    office.deliver()
    assert listener.events == ["promoted"]
    waits = [after - before for before, after in zip(listener.asked, listener.asked[1:], strict=False)]
    # Looked for every half second: each wait is at least what it should be, and hardly more.
    assert all(wanted <= wait <= wanted + 1 for wanted, wait in zip([1, 2, 4, 8, 16], waits, strict=True))


def test_a_dead_receiver_is_given_up_after_an_hour_and_said_so() -> None:
    listener = Listener(fails=["connection refused"] * 1000)
    office = Office(receiver(listener, events=("promoted",)))
    office.deploy()
    office.deliver()
    assert 10 < len(listener.asked) < 40
    assert listener.asked[-1] <= 3700
    left = office.run(undelivered)
    assert [(d.label, d.error, d.message.event.value) for d in left.given_up] == [
        ("webhook a", "connection refused", "promoted")
    ]
    assert left.waiting == []
    assert "given up" in office.said[-1]
    office.world.wait(25 * 3600)
    assert office.run(undelivered).given_up == []


def test_a_receiver_that_hangs_keeps_no_other_waiting() -> None:
    hanging, well = Listener(fails=["hang"]), Listener()
    office = Office(receiver(hanging), receiver(well, "b"))
    office.deploy()

    async def for_a_while(ctx: Context) -> None:
        with anyio.move_on_after(5):
            await deliver(ctx, tell=office.said.append)

    office.run(for_a_while)
    assert well.events == ["started", "promoted"]
    assert hanging.got == []
    office.deliver()
    assert hanging.events == ["started", "promoted"]
    assert well.events == ["started", "promoted"]


def test_a_hook_is_run_once_even_if_it_fails_or_was_cut_off() -> None:
    failing, cut = Listener(fails=["exit code 1"]), Listener(fails=["hang"])
    events = ("promoted",)
    office = Office(receiver(failing, events=events, once=True), receiver(cut, "b", events=events, once=True))
    office.deploy()

    async def killed(ctx: Context) -> None:
        with anyio.move_on_after(5):
            await deliver(ctx, tell=office.said.append)

    office.run(killed)
    office.deliver()
    assert (len(failing.asked), len(cut.asked)) == (1, 1)
    assert [d.error for d in office.run(undelivered).given_up] == ["exit code 1", "it was cut off"]


def test_a_receiver_that_left_the_config_is_waited_for_no_longer() -> None:
    office = Office(receiver(Listener(fails=["status 500"] * 3)))
    office.deploy()

    async def killed(ctx: Context) -> None:
        with anyio.move_on_after(0.2):
            await deliver(ctx, tell=office.said.append)

    office.run(killed)
    office.receivers = (receiver(Listener(), "new"),)
    office.deliver()
    assert {d.receiver for d in office.run(undelivered).given_up} == {"a"}


def test_it_stays_while_somebody_deploys_and_tells_the_end_without_being_woken() -> None:
    listener = Listener()
    office = Office(receiver(listener))

    async def both(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(deploy, ctx, "1.0.0", blue_green.plan)
            await ctx.ports.clock.sleep(0.1)
            await deliver(ctx, tell=office.said.append)
            assert await ctx.journal.lease("test") is None

    office.run(both)
    assert listener.events == ["started", "promoted"]


def test_only_one_delivers_at_a_time() -> None:
    listener = Listener()
    office = Office(receiver(listener))
    office.deploy()

    async def another(ctx: Context) -> None:
        with office.outbox.turn("test"):
            await deliver(ctx, tell=office.said.append)

    office.run(another)
    assert listener.got == []


def test_what_was_written_while_another_was_about_to_leave_is_told_by_that_one() -> None:
    """Whoever is woken in that instant finds it not its turn, and goes."""
    listener = Listener()

    class Leaving(FakeOutbox):
        late = False

        @contextmanager
        def turn(self, environment: str) -> Iterator[bool]:
            with super().turn(environment) as mine:
                yield mine
                if not self.late:
                    self.late = True
                    at_once(write_late())

    async def write_late() -> None:
        await office.world.journal.append(
            Kind.MAINTENANCE, at=1_000_000.0, environment="test", actor="ana", lease=None, data={"on": True}
        )

    office = Office(receiver(listener), outbox=Leaving())
    office.deploy()
    office.deliver()
    assert listener.events == ["started", "promoted", "maintenance-on"]


def test_secrets_are_taken_out_of_what_a_receiver_says() -> None:
    listener = Listener(fails=[f"no user with {SECRET}"])
    office = Office(receiver(listener, events=("promoted",), once=True))
    office.deploy()
    office.deliver()
    assert office.run(undelivered).given_up[0].error == "no user with ***"
    assert SECRET not in " ".join(office.said)


def test_a_daemon_goes_on_when_the_outbox_fails() -> None:
    listener = Listener()

    class Full(FakeOutbox):
        broken = True

        async def take_in(self, *args: Any) -> None:
            if self.broken:
                raise OutboxError("cannot use the outbox: disk full")
            await super().take_in(*args)

    outbox = Full()
    office = Office(receiver(listener), outbox=outbox)

    async def serve(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(deliver_forever, ctx, office.said.append)
            await ctx.ports.clock.sleep(30)
            outbox.broken = False
            await ctx.ports.clock.sleep(30)
            await deploy(ctx, "1.0.0", blue_green.plan)
            await ctx.ports.clock.sleep(30)
            group.cancel_scope.cancel()

    office.run(serve)
    assert "cannot use the outbox: disk full" in office.said
    assert listener.events == ["started", "promoted"]


def test_a_daemon_that_is_there_before_the_first_courier_tells_what_that_one_came_for() -> None:
    listener = Listener()
    office = Office(receiver(listener))

    async def serve_meanwhile(ctx: Context) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(deploy, ctx, "1.0.0", blue_green.plan)
            await ctx.ports.clock.sleep(0.1)
            group.start_soon(deliver_forever, ctx, office.said.append)
            await ctx.ports.clock.sleep(0.1)
            await deliver(ctx, tell=office.said.append)
            await ctx.ports.clock.sleep(600)
            group.cancel_scope.cancel()

    office.run(serve_meanwhile)
    assert listener.events == ["started", "promoted"]


def test_a_test_goes_to_everybody_and_each_result_is_told() -> None:
    well, broken = Listener(), Listener(fails=["status 404"])
    office = Office(receiver(well, events=("incident",)), receiver(broken, "b"))
    assert office.run(send_test) == [("webhook a", ""), ("webhook b", "status 404")]
    assert well.events == ["test"]


def test_without_a_receiver_there_is_nothing_to_test() -> None:
    world = World()
    with pytest.raises(UsageError, match="nobody is to be told"):
        world.run(send_test)
