"""The connections of many independent clients: as many as allowed are kept open and used in turn.

In turn, the longest idle first: reusing the last one would leave the others unused, and a server that
closes idle connections would look harmless.
"""

import asyncio
from collections import deque

from comporta.load.wire import Connection, Lost


class Pool:
    """Up to `size` connections to one address; callers beyond that wait in line, first come first served."""

    def __init__(self, host: str, port: int, size: int) -> None:
        self._host = host
        self._port = port
        self._size = size
        self._busy = 0
        self._turns = asyncio.Semaphore(size)
        self._idle: deque[Connection] = deque()

    async def wait_turn(self, deadline: float) -> None:
        """Wait until one more request may be in progress; raises Lost after `deadline` (monotonic seconds)."""
        if not self._turns.locked():
            await self._turns.acquire()
        else:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._turns.acquire()
            except TimeoutError:
                raise Lost("queue", "no connection became free in time") from None
        self._busy += 1

    def end_turn(self) -> None:
        self._busy -= 1
        self._turns.release()

    def kept(self) -> Connection | None:
        """The longest idle connection that is still good, unless there is room for one more."""
        while self._busy + len(self._idle) > self._size:
            connection = self._idle.popleft()
            if connection.reusable():
                return connection
            connection.close()
        return None

    async def connect(self, deadline: float) -> Connection:
        """A new connection; an idle one makes room if it must. Raises Lost."""
        while self._idle and self._busy + len(self._idle) > self._size:
            self._idle.popleft().close()
        try:
            async with asyncio.timeout_at(deadline):
                _, connection = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        except TimeoutError:
            raise Lost("timeout", "the connection was not accepted in time") from None
        except OSError as error:
            raise Lost("connect", str(error)) from None
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for later, or close it if it can carry no more requests."""
        if connection.reusable():
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.popleft().close()
