"""Who beyond the limit of connections has to wait, and for how long."""

import asyncio
import time

import pytest

from comporta.load.pool import Pool
from comporta.load.wire import Lost


def test_a_request_that_gets_no_connection_in_time_is_lost_in_the_queue() -> None:
    async def main() -> None:
        pool = Pool("127.0.0.1", 1, size=1)
        await pool.wait_turn(time.monotonic() + 30)
        with pytest.raises(Lost) as lost:
            await pool.wait_turn(time.monotonic() + 0.01)
        assert lost.value.kind == "queue"

    asyncio.run(main())


def test_turns_are_given_first_come_first_served() -> None:
    served: list[int] = []

    async def wait(pool: Pool, number: int) -> None:
        await pool.wait_turn(time.monotonic() + 30)
        served.append(number)
        pool.end_turn()

    async def main() -> None:
        pool = Pool("127.0.0.1", 1, size=1)
        await pool.wait_turn(time.monotonic() + 30)
        waiting = [asyncio.create_task(wait(pool, number)) for number in range(5)]
        await asyncio.sleep(0)
        pool.end_turn()
        await asyncio.gather(*waiting)

    asyncio.run(main())
    assert served == [0, 1, 2, 3, 4]
