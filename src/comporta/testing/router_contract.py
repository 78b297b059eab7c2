"""What every router must do. Subclass it, and give the fixture `stand`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pytest
from msgspec.structs import replace

from comporta.model.errors import RouterError
from comporta.model.figures import Reading
from comporta.model.traffic import ReleaseRef, Routing, Slot, Topology, Traffic, Weights
from comporta.ports.router import Router

FIRST = ReleaseRef(number=12, version="2.1.0+build.7/ü x")
SECOND = ReleaseRef(number=13, version="2.2.0")
BLUE = Traffic().with_all_to(Slot.BLUE, FIRST)
GREEN = BLUE.with_all_to(Slot.GREEN, SECOND)
CLOSED = Traffic(blue=FIRST, green=SECOND)
PAGE = """<!doctype html><title>Obras</title><p class='x'>Voltamos já; 5% {message} $uri %[src] "\\n" é\n<b>ü</b>\r\n"""
"""A maintenance page with all that means something to somebody."""
STAGES = (5, 25, 50, 75)
"""The stages that both topologies of a stand have."""


class Stand(Protocol):
    """A router that was never set up, instances in both slots that answer 200, and users.

    `topology` and `other` both have these instances and `STAGES`; they differ in something else.

    Attributes:
        refused: a split that the router cannot put in force with these stages; None if it can do any.
    """

    router: Router
    topology: Topology
    other: Topology
    refused: Weights | None

    async def request(self, times: int) -> None:
        """So many users' requests, one after another."""

    async def ask(self, cookie: str | None = None, wanted: str | None = None) -> tuple[int | None, str | None]:
        """One request of a user.

        Args:
            cookie: the value of the cookie `comporta` that the user sends; None sends none, as new users do.
            wanted: the value of the header `X-Comporta-Slot`, if the user sends it.

        Returns:
            The number of the release that answered, or None; and the value of the cookie if the answer sets it.
        """

    async def page(self, headers: Mapping[str, str]) -> str | None:
        """What one request of somebody with these headers gets: the body of a 503 that is no release's, with a
        Retry-After; None if a release answers."""

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
        await stand.router.shift(CLOSED)
        assert await stand.router.answering("/") is None
        assert (await stand.router.observe()).traffic == CLOSED

    async def test_configuring_keeps_the_traffic(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(GREEN)
        for topology in (stand.topology, stand.other, stand.topology):
            await stand.router.configure(topology)
            assert await stand.router.observe() == Routing(running=True, topology=topology, traffic=GREEN)
            assert await stand.router.answering("/") == 13

    async def test_it_is_one_life_whatever_is_changed(self, stand: Stand) -> None:
        assert await stand.router.life() == ""
        await stand.router.configure(stand.topology)
        life = await stand.router.life()
        assert life != ""
        await stand.router.shift(GREEN)
        await stand.router.configure(stand.other)
        assert await stand.router.life() == life
        await stand.router.remove()
        assert await stand.router.life() == ""

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

    # Traffic that is split

    async def test_a_split_can_be_read_back_at_every_stage_of_either_slot(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        for candidate in Slot:
            for stage in STAGES:
                await stand.router.shift(split(candidate, stage))
                assert (await stand.router.observe()).traffic == split(candidate, stage)
                assert await stand.router.answering("/") in (12, 13)

    async def test_a_split_that_is_no_stage_is_refused_and_changes_nothing(self, stand: Stand) -> None:
        if stand.refused is None:
            pytest.skip("this router can put any split in force")
        await stand.router.configure(stand.topology)
        for before in (GREEN, split(Slot.GREEN, 5)):
            await stand.router.shift(before)
            with pytest.raises(RouterError, match=r"cannot split.*5, 25, 50, 75"):
                await stand.router.shift(Traffic(weights=stand.refused, blue=FIRST, green=SECOND))
            assert (await stand.router.observe()).traffic == before

    async def test_new_clients_are_split_as_the_weights_say(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 25))
        answered = [release for release, _ in await new_clients(stand, 2000)]
        assert set(answered) == {12, 13}
        assert 0.20 < answered.count(13) / 2000 < 0.30  # five standard deviations

    async def test_a_returning_client_stays_with_the_release_it_met_first(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 50))
        met = await new_clients(stand, 50)
        assert len({cookie for _, cookie in met}) == 50
        for _ in range(3):
            for release, cookie in met:
                assert await stand.ask(cookie) == (release, None)

    @pytest.mark.parametrize("candidate", list(Slot))
    async def test_a_growing_share_moves_nobody_back(self, stand: Stand, candidate: Slot) -> None:
        number = 12 if candidate is Slot.BLUE else 13
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(candidate, STAGES[0]))
        cookies = [cookie for _, cookie in await new_clients(stand, 200)]
        moved: set[str] = set()
        for stage in STAGES:
            await stand.router.shift(split(candidate, stage))
            now = {cookie for cookie in cookies if (await stand.ask(cookie))[0] == number}
            assert moved <= now
            moved = now
        assert 100 < len(moved) < 200

    async def test_the_whole_moves_everybody_at_once_and_so_does_going_back(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 50))
        cookies = [cookie for _, cookie in await new_clients(stand, 30)]
        for slot, release in ((Slot.GREEN, SECOND), (Slot.BLUE, FIRST), (Slot.GREEN, SECOND)):
            await stand.router.shift(GREEN.with_all_to(slot, release))
            for cookie in cookies:
                assert await stand.ask(cookie) == (release.number, None)

    async def test_a_cookie_is_set_only_while_traffic_is_split(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        for traffic, is_set in ((BLUE, False), (split(Slot.GREEN, 50), True), (GREEN, False), (CLOSED, False)):
            await stand.router.shift(traffic)
            _, cookie = await stand.ask()
            assert (cookie is not None) == is_set

    @pytest.mark.parametrize("value", ["", "no id!", "x", "0" * 4000])
    async def test_a_cookie_that_is_none_of_ours_is_as_good_as_none(self, stand: Stand, value: str) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 50))
        met = [await stand.ask(value) for _ in range(60)]
        assert {release for release, _ in met} == {12, 13}
        assert len({cookie for _, cookie in met} - {None}) == 60
        for release, cookie in met:
            assert await stand.ask(cookie) == (release, None)

    async def test_a_header_chooses_the_slot_while_traffic_is_split(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 5))
        for cookie in (None, *[cookie for _, cookie in await new_clients(stand, 10)]):
            for slot, number in (("green", 13), ("blue", 12)):
                assert (await stand.ask(cookie, wanted=slot))[0] == number
        await stand.router.shift(BLUE)
        assert (await stand.ask(wanted="green"))[0] == 12

    async def test_a_header_that_names_no_slot_is_ignored(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 50))
        for release, cookie in await new_clients(stand, 20):
            for nonsense in ("red", "greenish", "blue, green", "13"):
                assert (await stand.ask(cookie, wanted=nonsense))[0] == release

    async def test_our_own_question_can_be_put_to_either_slot(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 5))
        assert await stand.router.answering("/", slot=Slot.GREEN) == 13
        assert await stand.router.answering("/", slot=Slot.BLUE) == 12
        await stand.stop_instances(Slot.GREEN)
        assert await stand.router.answering("/", slot=Slot.GREEN) is None
        assert await stand.router.answering("/", slot=Slot.BLUE) == 12

    async def test_while_traffic_is_split_each_request_counts_for_the_release_that_answered(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 25))
        start = (await stand.router.count(None)).cursor
        answered = [release for release, _ in await new_clients(stand, 100)]
        reading = await stand.counted(start, 100)
        assert reading.total.requests == 100
        assert [reading.of(number).requests for number in (12, 13)] == [answered.count(12), answered.count(13)]

    async def test_a_request_that_chose_its_slot_is_no_evidence(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 5))
        start = (await stand.router.count(None)).cursor
        for _ in range(5):
            await stand.ask(wanted="green")
        await new_clients(stand, 3)
        assert (await stand.counted(start, 3)).total.requests == 3

    async def test_configuring_keeps_a_split(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 25))
        met = await new_clients(stand, 30)
        for topology in (stand.other, stand.topology):
            await stand.router.configure(topology)
            seen = await stand.router.observe()
            assert seen == Routing(running=True, topology=topology, traffic=split(Slot.GREEN, 25))
            for release, cookie in met:
                assert await stand.ask(cookie) == (release, None)

    async def test_a_split_can_be_closed_and_opened_again(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(split(Slot.GREEN, 50))
        met = await new_clients(stand, 20)
        await stand.router.shift(CLOSED)
        assert await stand.router.answering("/") is None
        assert await stand.router.answering("/", slot=Slot.GREEN) is None
        for _, cookie in met:
            assert await stand.ask(cookie) == (None, None)
        await stand.router.shift(split(Slot.GREEN, 50))
        for release, cookie in met:
            assert await stand.ask(cookie) == (release, None)

    # Only the first instances of a slot

    async def test_how_many_instances_get_requests_is_part_of_what_is_shifted_and_read_back(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        for traffic, numbers in (
            (replace(BLUE, blue_instances=1), {12}),
            (replace(split(Slot.GREEN, 25), blue_instances=1, green_instances=1), {12, 13}),
            (replace(split(Slot.GREEN, 50), green_instances=1), {12, 13}),
            (replace(GREEN, green_instances=1), {13}),
        ):
            await stand.router.shift(traffic)
            assert (await stand.router.observe()).traffic == traffic
            assert {await stand.router.answering("/", slot) for slot in Slot} == numbers

    async def test_more_instances_than_there_are_are_refused_and_change_nothing(self, stand: Stand) -> None:
        await stand.router.configure(stand.topology)
        await stand.router.shift(BLUE)
        for count in (0, len(stand.topology.blue) + 1):
            with pytest.raises(RouterError, match="cannot shift"):
                await stand.router.shift(replace(BLUE, blue_instances=count))
            assert (await stand.router.observe()).traffic == BLUE
            assert await stand.router.answering("/") == 12

    # The maintenance page

    async def test_users_get_the_page_as_it_is_while_it_is_up_and_the_service_afterwards(self, stand: Stand) -> None:
        await serve_blue(stand)
        assert await stand.page({}) is None
        for page in (PAGE, "<p>another</p>", PAGE):
            await stand.router.maintain(page)
            assert (await stand.router.observe()).maintenance
            assert in_one_line(await stand.page({})) == in_one_line(page)
        for _ in range(2):
            await stand.router.maintain(None)
            assert await stand.router.observe() == Routing(running=True, topology=stand.topology, traffic=BLUE)
            assert await stand.page({}) is None

    async def test_a_page_can_only_be_put_up_where_the_router_runs(self, stand: Stand) -> None:
        for page in (PAGE, None):
            with pytest.raises(RouterError, match=r"cannot .*maintenance page"):
                await stand.router.maintain(page)
        assert not (await stand.router.observe()).maintenance

    async def test_the_page_outlives_every_switch_and_each_is_in_force_behind_it(self, stand: Stand) -> None:
        await serve_blue(stand)
        await stand.router.maintain(PAGE)
        for traffic, releases in ((GREEN, {13}), (split(Slot.GREEN, 25), {12, 13}), (BLUE, {12}), (CLOSED, {None})):
            await stand.router.shift(traffic)
            seen = await stand.router.observe()
            assert (seen.traffic, seen.maintenance) == (traffic, True)
            assert await stand.router.answering("/") in releases
            assert in_one_line(await stand.page({})) == in_one_line(PAGE)
        await stand.router.shift(GREEN)
        await stand.router.maintain(None)
        assert await stand.ask() == (13, None)

    async def test_configuring_keeps_the_page(self, stand: Stand) -> None:
        await serve_blue(stand)
        await stand.router.maintain(PAGE)
        for topology in (stand.other, stand.topology):
            await stand.router.configure(topology)
            seen = await stand.router.observe()
            assert seen == Routing(running=True, topology=topology, traffic=BLUE, maintenance=True)
            assert in_one_line(await stand.page({})) == in_one_line(PAGE)

    async def test_a_removed_router_has_no_page(self, stand: Stand) -> None:
        await serve_blue(stand)
        await stand.router.maintain(PAGE)
        await stand.router.remove()
        assert not (await stand.router.observe()).maintenance
        await serve_blue(stand)
        assert not (await stand.router.observe()).maintenance
        assert await stand.page({}) is None

    async def test_who_gets_the_page_is_counted_for_no_release_and_gets_no_cookie(self, stand: Stand) -> None:
        await serve_blue(stand)
        start = (await stand.router.count(None)).cursor
        for traffic in (BLUE, split(Slot.GREEN, 50)):
            await stand.router.shift(traffic)
            await stand.router.maintain(PAGE)
            for wanted in (None, "green"):
                assert await stand.ask(wanted=wanted) == (None, None)
            await stand.router.maintain(None)
        await stand.router.shift(BLUE)
        await stand.request(times=1)
        assert (await stand.counted(start, 1)).total.requests == 1

    @pytest.mark.parametrize("kind", ["own_headers", "bypass_headers"])
    async def test_comporta_and_operators_see_through_the_page_and_are_never_counted(
        self, stand: Stand, kind: str
    ) -> None:
        assert getattr(stand.router, kind) == {}
        await serve_blue(stand)
        start = (await stand.router.count(None)).cursor
        headers = getattr(stand.router, kind)
        assert await stand.page(headers) is None
        await stand.router.maintain(PAGE)
        for traffic in (BLUE, split(Slot.GREEN, 50), GREEN):
            await stand.router.shift(traffic)
            assert await stand.page(headers) is None
        assert in_one_line(await stand.page(dict.fromkeys(headers, "guessed"))) == in_one_line(PAGE)
        await stand.router.maintain(None)
        await stand.request(times=1)
        assert (await stand.counted(start, 1)).total.requests == 1

    async def test_the_header_for_operators_is_not_comportas_own(self, stand: Stand) -> None:
        await serve_blue(stand)
        assert set(stand.router.own_headers.items()).isdisjoint(stand.router.bypass_headers.items())
        assert not set(stand.router.own_headers.values()) & set(stand.router.bypass_headers.values())


def in_one_line(page: str | None) -> str:
    """A router may send a space for a line break."""
    return " ".join((page or "").split())


async def serve_blue(stand: Stand) -> None:
    await stand.router.configure(stand.topology)
    await stand.router.shift(BLUE)


def split(candidate: Slot, share: int) -> Traffic:
    """So many percent for the candidate, the rest for the other slot."""
    green = share if candidate is Slot.GREEN else 100 - share
    return Traffic(weights=Weights(blue=100 - green, green=green), blue=FIRST, green=SECOND)


async def new_clients(stand: Stand, count: int) -> Sequence[tuple[int, str]]:
    """First requests of so many clients: the release that answered each, and the cookie that it was given."""
    met = []
    for _ in range(count):
        release, cookie = await stand.ask()
        assert release is not None
        assert cookie is not None
        met.append((release, cookie))
    return met
