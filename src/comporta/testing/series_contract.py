"""What every Series promises. A driver's tests inherit this suite and give it a `series` fixture, and `reopened`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comporta.model.watching import Second, Tally
from comporta.ports.series import Series

GOOD, BAD = Tally(requests=3, seconds=0.25, timed=3), Tally(requests=2, errors=2, unanswered=1, probes=1, failed=1)


@pytest.mark.anyio
class SeriesContract:
    async def test_a_new_one_is_empty(self, series: Series) -> None:
        assert await series.cursor() is None
        assert await series.began() is None
        assert await series.seconds(0, 1e12) == []
        assert await series.total(0, 1e12) == Tally()

    async def test_what_comes_late_is_added_to_its_second(self, series: Series) -> None:
        await series.add([Second(at=10, release=1, tally=GOOD)], cursor="a", forget_before=0)
        await series.add([Second(at=10, release=1, tally=BAD)], cursor="b", forget_before=0)
        assert await series.seconds(10, 11) == [Second(at=10, release=1, tally=GOOD.plus(BAD))]
        assert await series.cursor() == "b"

    async def test_seconds_come_oldest_first_and_end_before_the_end(self, series: Series) -> None:
        seconds = [Second(at=at, release=at % 2, tally=GOOD) for at in (12, 10, 11, 13)]
        await series.add(seconds, cursor=None, forget_before=0)
        assert [second.at for second in await series.seconds(10, 13)] == [10, 11, 12]
        assert await series.began() == 10

    async def test_the_total_of_one_release_and_of_all(self, series: Series) -> None:
        await series.add(
            [Second(at=10, release=1, tally=GOOD), Second(at=11, release=2, tally=BAD)], cursor=None, forget_before=0
        )
        assert await series.total(10, 12) == GOOD.plus(BAD)
        assert await series.total(10, 12, release=2) == BAD
        assert await series.total(10, 11, release=2) == Tally()

    async def test_the_oldest_are_forgotten(self, series: Series) -> None:
        await series.add([Second(at=at, release=1, tally=GOOD) for at in (5, 6)], cursor="a", forget_before=0)
        await series.add([], cursor=None, forget_before=6)
        assert [second.at for second in await series.seconds(0, 100)] == [6]
        assert await series.cursor() == "a"

    async def test_a_restart_goes_on_where_it_was(self, series: Series, reopened: Callable[[], Series]) -> None:
        await series.add([Second(at=10, release=1, tally=BAD)], cursor="a", forget_before=0)
        again = reopened()
        assert await again.cursor() == "a"
        assert await again.seconds(0, 100) == [Second(at=10, release=1, tally=BAD)]
