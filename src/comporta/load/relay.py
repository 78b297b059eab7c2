"""A TCP relay that delays everything by half a round trip each way: bytes, closes and resets alike.

Loopback hides what a network shows: a request that is on its way while the server closes the connection is lost.
Since the delay is the same for all, one queue in order of time serves every connection, and order keeps itself.
The handshake is not delayed: connecting to the relay costs no round trip.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from comporta.load.alarm import Alarm

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger


class Relay:
    """Listens on a free port of 127.0.0.1 while entered, and passes connections on to `host`:`port`.

    `rtt` is the round trip added, in seconds.
    """

    def __init__(self, host: str, port: int, *, rtt: float) -> None:
        self._host = host
        self._port = port
        self._line = _DelayLine(rtt / 2)
        self._ends: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where the relay listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._line.open()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for end in list(self._ends):
            end.reset()
        self._line.close()

    def _accept(self) -> "_End":
        client, server = _End(self._line, self._ends), _End(self._line, self._ends)
        client.peer, server.peer = server, client
        self._line.later(lambda: self._start_connecting(client, server))
        return client

    def _start_connecting(self, client: "_End", server: "_End") -> None:
        task = asyncio.create_task(self._connect(client, server))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: "_End", server: "_End") -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, self._host, self._port)
        except OSError:
            self._line.later(client.reset)


class _DelayLine:
    """Does things a fixed time after they were asked for, in that order."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self._alarm: Alarm | None = None

    def open(self) -> None:
        self._alarm = Alarm(self._do_due)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None

    def later(self, action: Callable[[], None]) -> None:
        if self._alarm is None:
            return  # the relay is closed: what is still under way is dropped
        self._queue.append((time.monotonic() + self._delay, action))
        if len(self._queue) == 1:
            self._alarm.set(self._queue[0][0])

    def _do_due(self) -> None:
        while self._queue and self._queue[0][0] <= time.monotonic():
            self._queue.popleft()[1]()
        if self._queue and self._alarm is not None:
            self._alarm.set(self._queue[0][0])


class _End(asyncio.Protocol):
    """The relay's side of one of the two connections; what arrives here goes out at its peer, later."""

    peer: "_End"

    def __init__(self, line: _DelayLine, ends: "set[_End]") -> None:
        self._line = line
        self._ends = ends
        self._transport: asyncio.Transport | None = None
        self._early: list[Callable[[], None]] = []
        self._read_closed = False
        self._write_closed = False

    # What arrives

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ends.add(self)
        for action in self._early:
            action()
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        self._line.later(lambda: self.peer.write(data))

    def eof_received(self) -> bool:
        self._read_closed = True
        self._line.later(self.peer.write_eof)
        return not self._write_closed  # the other direction stays open until its own end

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends.discard(self)
        if exc is not None:
            self._line.later(self.peer.reset)

    def pause_writing(self) -> None:
        self.peer.read(False)

    def resume_writing(self) -> None:
        self.peer.read(True)

    def read(self, wanted: bool) -> None:
        """Stop or go on reading; nothing is to be read after an end."""
        if self._transport is not None and not self._read_closed:
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    # What goes out

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(lambda: self.write(data))
        else:
            self._transport.write(data)

    def write_eof(self) -> None:
        if self._transport is None:
            self._early.append(self.write_eof)
        elif self._read_closed:
            self._transport.close()
        else:
            self._write_closed = True
            with suppress(OSError):  # it is gone already, and connection_lost tells
                self._transport.write_eof()

    def reset(self) -> None:
        """Close at once, so that the other side sees a reset rather than an end."""
        if self._transport is None:
            self._early.append(self.reset)
        elif not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
