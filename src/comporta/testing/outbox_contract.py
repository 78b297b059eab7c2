"""What every outbox must do. Subclass it, and give the fixture `outbox`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from comporta.model.deliveries import Delivery, Status
from comporta.model.messages import Event, Message
from comporta.ports.outbox import Outbox

MESSAGE = Message(
    id="production-7-abc",
    hash="abc",
    event=Event.ABORTED,
    severity="warning",
    at=10.5,
    service="shop",
    environment="production",
    title="shop production: 1.1.0 was not deployed",
    text="é: a check failed",
    deployment=3,
    seconds=1.25,
)


def delivery(sequence: int, receiver: str = "a", **changes: Any) -> Delivery:
    made = Delivery(sequence=sequence, receiver=receiver, label=f"webhook {receiver}", message=MESSAGE, due=10.0)
    return msgspec.structs.replace(made, **changes)


@pytest.mark.anyio
class OutboxContract:
    """Contract suite of the Outbox port."""

    @pytest.fixture
    def outbox(self) -> Outbox:
        raise NotImplementedError

    async def test_a_new_outbox_is_empty_and_nowhere(self, outbox: Outbox) -> None:
        assert await outbox.position("production") is None
        assert await outbox.all("production") == []

    async def test_what_was_taken_in_comes_back_unchanged_and_in_order(self, outbox: Outbox) -> None:
        await outbox.take_in("production", 9, [delivery(8, "b"), delivery(8, "a"), delivery(7, "b")])
        assert await outbox.all("production") == [delivery(7, "b"), delivery(8, "a"), delivery(8, "b")]
        assert await outbox.position("production") == 9

    async def test_environments_are_kept_apart(self, outbox: Outbox) -> None:
        await outbox.take_in("production", 9, [delivery(8)])
        assert await outbox.position("staging") is None
        assert await outbox.all("staging") == []
        await outbox.delivered("staging", delivery(8))
        assert await outbox.all("production") == [delivery(8)]

    async def test_the_position_moves_also_without_deliveries(self, outbox: Outbox) -> None:
        await outbox.take_in("production", 9, [])
        await outbox.take_in("production", 12, [])
        assert await outbox.position("production") == 12

    async def test_only_the_first_to_come_says_where_to_begin(self, outbox: Outbox) -> None:
        outbox.begin("production", 7)
        outbox.begin("production", 9)
        outbox.begin("staging", 9)
        assert (await outbox.position("production"), await outbox.position("staging")) == (6, 8)
        await outbox.take_in("production", 9, [])
        outbox.begin("production", 7)
        assert await outbox.position("production") == 9

    async def test_taken_in_again_a_delivery_stays_as_far_as_it_is(self, outbox: Outbox) -> None:
        await outbox.take_in("production", 8, [delivery(8)])
        tried = delivery(8, tries=3, due=99.5, error="no answer")
        await outbox.update("production", tried)
        await outbox.take_in("production", 8, [delivery(8)])
        assert await outbox.all("production") == [tried]

    async def test_what_was_delivered_is_gone_for_that_receiver_only(self, outbox: Outbox) -> None:
        await outbox.take_in("production", 8, [delivery(8, "a"), delivery(8, "b")])
        await outbox.delivered("production", delivery(8, "a"))
        assert await outbox.all("production") == [delivery(8, "b")]

    async def test_old_ones_that_were_given_up_are_forgotten_and_pending_ones_never(self, outbox: Outbox) -> None:
        new = delivery(9, status=Status.GIVEN_UP, due=60.0)
        await outbox.take_in("production", 9, [delivery(7, due=1.0), delivery(8), new])
        await outbox.update("production", delivery(8, status=Status.GIVEN_UP, due=50.0))
        await outbox.forget("production", before=50.0)
        assert await outbox.all("production") == [delivery(7, due=1.0), new]

    async def test_only_one_has_the_turn_in_an_environment(self, outbox: Outbox) -> None:
        with outbox.turn("production") as first, outbox.turn("production") as second, outbox.turn("staging") as other:
            assert (first, second, other) == (True, False, True)
        with outbox.turn("production") as again:
            assert again
