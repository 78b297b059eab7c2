"""Figures become blocks: each request once, in order, and of the right weights."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.blocks import IN_FLIGHT
from comporta.analysis.collecting import LATE, Collector, Roles
from comporta.model.figures import Counts, Figures, total

ROLES = Roles(candidate=2, stable=1, share=0.05)


def figures(at: int, release: int = 1, requests: int = 1, address: str = "a") -> Figures:
    return Figures(at=at, release=release, address=address, counts=Counts(requests=requests))


def beginning(rate: float = 100.0, at: float = 1000.0) -> Collector:
    return Collector.beginning(ROLES, rate, at)


def test_blocks_are_as_long_as_the_traffic_needs() -> None:
    assert [beginning(rate).seconds for rate in (1000.0, 100.0, 10.0, 1.0, 0.0)] == [1, 1, 2, 20, 30]


def test_what_ended_before_the_first_block_belongs_to_the_weights_before() -> None:
    collector = beginning(at=1000.0)
    assert collector.start == 1000 + IN_FLIGHT
    collector = collector.with_figures((figures(1001), figures(collector.start, requests=7)))
    closed = collector.close(collector.start + 1 + LATE)
    assert closed is not None
    assert closed[1].stable.requests == 7


def test_a_block_is_not_closed_before_what_belongs_to_it_may_have_been_written_down() -> None:
    collector = beginning()
    assert collector.close(collector.start + collector.seconds + LATE - 0.1) is None
    assert collector.close(collector.start + collector.seconds + LATE) is not None


def test_other_releases_are_left_out_and_roles_told_apart() -> None:
    start = beginning().start
    collector = beginning().with_figures((figures(start, 1, 5), figures(start, 2, 3), figures(start, 9, 100)))
    closed = collector.close(start + 10)
    assert closed is not None
    assert (closed[1].stable.requests, closed[1].candidate.requests) == (5, 3)


def test_one_stable_instance_is_the_sentinel_where_there_are_several() -> None:
    start = beginning().start
    alone = beginning().with_figures((figures(start, address="a"),)).close(start + 10)
    several = beginning().with_figures((figures(start, address="b"), figures(start, requests=4))).close(start + 10)
    assert alone is not None
    assert several is not None
    assert alone[1].sentinel is None
    assert several[1].sentinel == Counts(requests=4)


def test_a_clock_that_was_set_ahead_hides_no_request() -> None:
    start = beginning().start
    closed = beginning().with_figures((figures(start + 100_000),)).close(start + 10)
    assert closed is not None
    assert closed[1].stable.requests == 1


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 9)), max_size=60),
    rate=st.sampled_from([1000.0, 10.0, 1.0]),
)
def test_every_request_after_the_beginning_is_in_exactly_one_block(
    arrivals: list[tuple[int, int, int]], rate: float
) -> None:
    """However late it is heard of: (second it ended, seconds until it is read, how many)."""
    collector = beginning(rate)
    first, blocks = collector.start, []
    for now in range(200):
        heard = [figures(first + at, requests=n) for at, late, n in arrivals if at + late == now]
        collector = collector.with_figures(tuple(heard))
        while (closed := collector.close(first + now)) is not None:
            collector, block = closed
            blocks.append(block)
    assert total(b.stable for b in blocks).requests == sum(n for _, _, n in arrivals)
    assert [b.start for b in blocks] == [first + i * collector.seconds for i in range(len(blocks))]


def test_what_seems_to_have_ended_a_minute_before_the_blocks_bears_the_time_of_another_clock() -> None:
    begun = beginning(at=1000.0)
    kept = begun.with_figures((figures(begun.start - 61), figures(begun.start - 60), figures(begun.start - 1)))
    assert [each.at for each in kept.figures] == [begun.start - 61]


def test_what_bears_a_time_within_the_next_minute_waits_for_its_block() -> None:
    begun = beginning()
    now = begun.start + 1 + LATE
    ahead = begun.with_figures((figures(now + 60), figures(now + 61, requests=7), figures(begun.start + 1)))
    closed = ahead.close(now)
    assert closed is not None
    assert closed[1].stable.requests == 7
    assert [each.at for each in closed[0].figures] == [now + 60, begun.start + 1]


def test_a_router_has_a_second_to_write_down_what_it_answered_and_requests_three_to_end() -> None:
    assert (LATE, IN_FLIGHT) == (1, 3)
    assert beginning(at=999.5).start == 1003


def test_a_block_bears_its_length_and_the_share_it_was_counted_under() -> None:
    begun = beginning(rate=10.0)
    closed = begun.close(begun.start + 100)
    assert closed is not None
    assert (closed[1].seconds, closed[1].share, closed[0].start) == (2, 0.05, begun.start + 2)


def test_a_block_waits_for_five_stable_requests_where_stable_gets_little() -> None:
    mostly_candidate = Roles(candidate=2, stable=1, share=0.95)
    assert Collector.beginning(mostly_candidate, 10.0, 1000.0).seconds == 10
