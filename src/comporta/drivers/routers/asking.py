"""Asking nginx over HTTP, each time on a new connection: an old one may lead to a worker that is on its way out."""

from __future__ import annotations

import string
from urllib.parse import quote

import anyio
import h11
from msgspec import Struct

from comporta.model.traffic import Slot

TIMEOUT = 5.0
GENERATION_PATH = "/.comporta/generation"
MORE = 65536


class Answer(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: str


class Generation(Struct, frozen=True):
    """What a worker says about itself: the file it serves, its pid (in its own pid namespace), where `live` leads."""

    id: str
    pid: int
    live: str


def reachable(listen: str) -> tuple[str, int]:
    """Host and port to connect to, for an address to listen on."""
    host, _, port = listen.rpartition(":")
    anywhere = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}
    return anywhere.get(host, host.strip("[]")), int(port)


async def accepts(address: str) -> bool:
    """Whether somebody takes connections there."""
    try:
        with anyio.fail_after(TIMEOUT):
            await (await anyio.connect_tcp(*reachable(address))).aclose()
    except OSError:  # a TimeoutError is one
        return False
    return True


async def ask(listen: str, host: str, path: str, token: str, slot: Slot | None = None) -> Answer | None:
    """One GET, with the Host header `host`, as comporta itself; None when there is no complete answer in time."""
    chosen = [("X-Comporta-Slot", slot.value)] if slot else []
    request = h11.Request(
        method="GET",
        target=quote(path, safe=string.punctuation),
        headers=[("Host", host), ("X-Comporta-Probe", token), ("Connection", "close"), *chosen],
    )
    try:
        with anyio.fail_after(TIMEOUT):
            async with await anyio.connect_tcp(*reachable(listen)) as stream:
                return await _converse(stream, request)
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError, h11.RemoteProtocolError):
        return None


async def _converse(stream: anyio.abc.ByteStream, request: h11.Request) -> Answer:
    connection = h11.Connection(h11.CLIENT)
    await stream.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    response: h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive(MORE))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in response.headers}
            return Answer(response.status_code, headers, body.decode(errors="replace"))


async def generation(listen: str, host: str, token: str) -> Generation | None:
    """Which file the worker that gets this request serves; None when it is none of ours."""
    answer = await ask(listen, host, GENERATION_PATH, token)
    words = answer.body.split(" ", 2) if answer and answer.status == 200 else []
    return Generation(words[0], int(words[1]), words[2]) if len(words) == 3 and words[1].isdigit() else None


async def answering_release(listen: str, host: str, path: str, token: str, slot: Slot | None) -> int | None:
    """The number of the release that answers `path`; a 502 or 504 is nginx's word that none did."""
    answer = await ask(listen, host, path, token, slot)
    number = answer.headers.get("x-comporta-release", "") if answer and answer.status not in (502, 504) else ""
    return int(number) if number.isdigit() else None
