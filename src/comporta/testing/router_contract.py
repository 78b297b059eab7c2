"""What every router must do. Subclass it, and give the fixture `stand`."""

from __future__ import annotations

from typing import Protocol

import pytest

from comporta.model.errors import RouterError
from comporta.model.figures import Reading
from comporta.model.traffic import ReleaseRef, Routing, Slot, Topology, Traffic, Weights
from comporta.ports.router import Router

FIRST = ReleaseRef(number=12, version="2.1.0+build.7/ü x")
SECOND = ReleaseRef(number=13, version="2.2.0")
BLUE = Traffic().with_all_to(Slot.BLUE, FIRST)
GREEN = BLUE.with_all_to(Slot.GREEN, SECOND)


class Stand(Protocol):
    """A router that was never set up, instances in both slots that answer 200, and users.

    `topology` and `other` both have these instances; they differ in something else.
    """

    router: Router
    topology: Topology
    other: Topology

    async def request(self, times: int) -> None:
        """So many users' requests, one after another."""

    async def stop_instances(self, slot: Slot) -> None: ...

    async def counted(self, since: str, requests: int) -> Reading:
        """What the router counts since the cursor, once it has got to so many requests."""


class RouterContract:
    """Each test gets a fresh stand."""

    pytestmark = pytest.mark.anyio

    async def test_a_router_that_was_never_set_up_serves_nobody(self, stand: Stand) -> None:
        assert await stand.router.observe() == Routing(running=False, topology=None, traffic=Traffic())
        assert await stand.router.answering("/") is None

    async def test_a_router_that_was_never_set_up_can_be_removed(self, stand: Stand) -> None:
        await stand.router.remove()
        assert await stand.router.observe() == Routing(running=False, topology=None, traffic=Traffic())

    async def test_a_router_that_does_not_run_refuses_traffic_and_counts_nothing(self, stand: Stand) -> None:
        with pytest.raises(RouterError, match="cannot shift"):
            await stand.router.shift(BLUE)
        with pytest.raises(RouterError, match="cannot count"):
            await stand.router.count(None)
        assert await stand.router.in_flight(Slot.BLUE) == 0

    async def test_a_new_router_runs_closed(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        assert await stand.router.observe() == Routing(running=True, topology=stand.topology, traffic=Traffic())
        assert await stand.router.answering("/") is None

    async def test_a_shift_is_in_force_at_once_and_can_be_read_back(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        for traffic, number in ((BLUE, 12), (GREEN, 13), (GREEN, 13), (BLUE, 12)):
            await stand.router.shift(traffic)
            assert await stand.router.answering("/") == number
            assert (await stand.router.observe()).traffic == traffic

    async def test_the_router_can_be_closed_again_and_still_knows_the_slots(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(GREEN)
        closed = Traffic(blue=FIRST, green=SECOND)
        await stand.router.shift(closed)
        assert await stand.router.answering("/") is None
        assert (await stand.router.observe()).traffic == closed

    async def test_a_split_is_refused_and_changes_nothing(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(GREEN)
        with pytest.raises(RouterError, match="cannot split"):
            await stand.router.shift(Traffic(weights=Weights(blue=95, green=5), blue=FIRST, green=SECOND))
        assert (await stand.router.observe()).traffic == GREEN

    async def test_configuring_keeps_the_traffic(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(GREEN)
        for topology in (stand.topology, stand.other, stand.topology):
            await stand.router.configure(topology)
            assert await stand.router.observe() == Routing(running=True, topology=topology, traffic=GREEN)
            assert await stand.router.answering("/") == 13

    async def test_what_changes_nothing_costs_nothing(self, stand: Stand) -> None:
        assert stand.router.reload_note(stand.topology, await stand.router.observe()) == ""
        await stand.router.configure(stand.topology)
        assert stand.router.reload_note(stand.topology, await stand.router.observe()) == ""

    async def test_a_removed_router_is_as_if_it_never_was(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        for _ in range(2):
            await stand.router.remove()
            assert await stand.router.observe() == Routing(running=False, topology=None, traffic=Traffic())
            assert await stand.router.answering("/") is None
        await stand.router.configure(stand.topology)
        assert await stand.router.observe() == Routing(running=True, topology=stand.topology, traffic=Traffic())

    async def test_no_release_answers_from_a_slot_without_instances(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        await stand.stop_instances(Slot.BLUE)
        assert await stand.router.answering("/") is None

    async def test_each_request_is_counted_once_and_for_its_release(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        start = (await stand.router.count(None)).cursor
        await stand.request(times=3)
        await stand.router.shift(GREEN)
        await stand.request(times=2)
        first = await stand.counted(start, 5)
        assert (first.of(12).requests, first.of(13).requests) == (3, 2)
        assert (first.total.errors, first.total.latencies.total) == (0, 5)
        await stand.request(times=1)
        second = await stand.counted(first.cursor, 1)
        assert (second.of(12).requests, second.of(13).requests) == (0, 1)

    async def test_counting_from_now_leaves_out_what_was_counted_before(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        start = (await stand.router.count(None)).cursor
        await stand.request(times=3)
        await stand.counted(start, 3)
        now = await stand.router.count(None)
        assert now.figures == ()
        assert (await stand.router.count(now.cursor)).figures == ()

    async def test_our_own_question_is_no_request_of_a_user(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        start = (await stand.router.count(None)).cursor
        await stand.router.answering("/")
        await stand.request(times=1)
        assert (await stand.counted(start, 1)).of(12).requests == 1

    async def test_nothing_is_in_flight_when_all_is_answered(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        assert await stand.router.in_flight(Slot.GREEN) == 0
