"""One HTTP/1.1 connection: it says exactly what became of a request, and never tries again.

h11 judges the protocol; a raw asyncio Protocol moves the bytes, since streams cost twice the time.
"""

import asyncio
import select
import time
from typing import Literal

import h11

ErrorKind = Literal["connect", "reset", "eof", "truncated", "timeout", "queue", "protocol", "status"]
Headers = list[tuple[bytes, bytes]]


class Lost(Exception):  # an outcome that the caller counts
    """A request got no complete answer."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: ErrorKind = kind


class Answer:
    """A complete response: its status, headers (names in lower case), body, and when its last byte was read."""

    __slots__ = ("body", "finished", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes, finished: float) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.finished = finished


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time."""

    def __init__(self) -> None:
        self.used = False
        self._h11 = h11.Connection(h11.CLIENT)
        self._open = False
        self._poll = select.poll()
        self._response: h11.Response | None = None
        self._body: list[bytes] = []
        self._answered: asyncio.Future[Answer] | None = None

    # What the rest of the generator asks for

    def send(self, head: h11.Request, body: bytes) -> asyncio.Future[Answer]:
        """Write the request at once; the future brings the Answer or raises Lost."""
        self.used = True
        self._response = None
        self._body = []
        self._answered = asyncio.get_running_loop().create_future()
        parts = [self._h11.send(head), self._h11.send(h11.Data(data=body)), self._h11.send(h11.EndOfMessage())]
        self._transport.write(b"".join(part for part in parts if part))
        return self._answered

    def reusable(self) -> bool:
        """Whether another request may be sent: the last one is over, and no close has been received.

        The socket itself is asked, since a FIN may have arrived that the event loop has not read yet. A FIN that is
        still on its way cannot be seen: the request sent then is lost, as it is for every real client.
        """
        return self._open and self._h11.our_state is h11.IDLE and not self._poll.poll(0)

    def lose(self, kind: ErrorKind, detail: str) -> None:
        """Give up the request in progress, if there is one, and the connection with it."""
        self._open = False
        self._transport.abort()
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(Lost(kind, detail))

    def close(self) -> None:
        self._open = False
        self._transport.close()

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open = True
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.close()  # nobody asked: nothing after this can be trusted
            return
        self._h11.receive_data(data)
        self._advance()

    def eof_received(self) -> None:
        self._open = False
        if self._answered is None or self._answered.done():
            return
        if self._response is None:
            self.lose("eof", "the server closed the connection before it answered")
            return
        self._h11.receive_data(b"")  # completes a body whose length only the close tells
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        self.lose("reset", f"the connection was lost: {exc}")

    # Reading the response

    def _advance(self) -> None:
        try:
            while self._take(self._h11.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self.lose("protocol" if self._open else "truncated", str(error))

    def _take(self, event: object) -> bool:
        if isinstance(event, h11.Data):
            self._body.append(bytes(event.data))
        elif isinstance(event, h11.Response):
            self._response = event
        elif isinstance(event, h11.EndOfMessage):
            self._complete()
            return False
        return isinstance(event, h11.Event)

    def _complete(self) -> None:
        assert self._answered is not None
        assert self._response is not None
        answer = Answer(
            self._response.status_code, list(self._response.headers), b"".join(self._body), time.monotonic()
        )
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        self._answered.set_result(answer)
