"""`/metrics` for Prometheus: an answer of its own to each question, computed then."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import SocketStream

from comporta.app.context import Context
from comporta.app.metering import Counting, meter
from comporta.model.errors import ComportaError

PATIENCE = 10.0
"""Seconds for a whole exchange."""
TEXT = "text/plain; charset=utf-8"
Counted = Sequence[tuple[Context, Counting]]


async def expose(address: str, counted: Counted) -> None:
    """Answer at host:port until cancelled, with the figures of these environments.

    Raises:
        ComportaError: somebody else listens there.
    """
    place = urlsplit(f"//{address}")
    try:
        listener = await anyio.create_tcp_listener(local_host=place.hostname, local_port=place.port or 0)
    except OSError as error:
        text = f"cannot serve metrics at {address}: {error.strerror or error}"
        raise ComportaError(text, next="write another address as `watch.metrics`") from None

    async def answer(stream: SocketStream) -> None:
        async with stream:
            # Whoever asked may go away, or speak another language.
            with anyio.move_on_after(PATIENCE), suppress(h11.ProtocolError, anyio.BrokenResourceError):
                await _answer(stream, counted)

    await listener.serve(answer)


async def _answer(stream: SocketStream, counted: Counted) -> None:
    connection = h11.Connection(h11.SERVER)
    request = await _request(connection, stream)
    status, kind, body = await _content(request, counted)
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")]
    response = h11.Response(status_code=status, headers=headers)
    said = h11.Data(data=b"" if request.method == b"HEAD" else body)
    parts = (connection.send(part) for part in (response, said, h11.EndOfMessage()))
    await stream.send(b"".join(part or b"" for part in parts))


async def _request(connection: h11.Connection, stream: SocketStream) -> h11.Request:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is h11.NEED_DATA:
            try:
                connection.receive_data(await stream.receive())
            except anyio.EndOfStream:
                connection.receive_data(b"")
        else:
            raise h11.RemoteProtocolError("no request")


async def _content(request: h11.Request, counted: Counted) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    if request.target.partition(b"?")[0] != b"/metrics":
        return 404, TEXT, b"the metrics are at /metrics\n"
    if request.method != b"GET":
        return 405, TEXT, b"ask with GET\n"
    from prometheus_client.exposition import choose_encoder

    from comporta.daemon.families import Families

    try:
        families = Families([await meter(ctx, counting) for ctx, counting in counted])
    except ComportaError as error:
        return 500, TEXT, f"{error.message}\n".encode()
    accepted = next((value for name, value in request.headers if name == b"accept"), b"")
    try:
        encode, kind = choose_encoder(accepted.decode("ascii", "ignore"))  # some of it stands in our answer as well
        return 200, kind, encode(families)
    except (ValueError, TypeError):  # it asks for a version that is none
        encode, kind = choose_encoder("")
        return 200, kind, encode(families)
