"""Ask over HTTP: status, headers, JSON values and the time it took."""

from __future__ import annotations

import json
import string
import time
from urllib.parse import quote

import anyio
import h11
from anyio.abc import ByteStream

from comporta.drivers.causes import root_cause
from comporta.drivers.probes.json_path import NotThere, value_at
from comporta.model.checks import CheckResult, HttpCheck, Target
from comporta.ports.secrets import Secrets

BODY_LIMIT = 1 << 20
"""Bytes of an answer that are read: a health endpoint says less."""
WITH_BODY = ("POST", "PUT", "PATCH")
"""Methods of which servers want to know how long the body is, also when there is none."""
SHOWN = 300
"""Characters of an answer that are shown to a person."""
SWITCHED = 101
"""The status of an answer that opens a WebSocket."""
Head = h11.Response | h11.InformationalResponse


class HttpProbe:
    """Implements the Probe port for `HttpCheck`. Each question opens a connection of its own, as a new user would."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def ask(self, check: HttpCheck, target: Target) -> CheckResult:
        asked = f"{check.method} {target.url}{check.path}"
        began = time.perf_counter()
        try:
            wrong, answer = await self._exchange(check, target)
        except Exception as error:
            wrong, answer = "no answer", _cause(error, check.timeout)
        seconds = time.perf_counter() - began
        if not wrong and check.within is not None and seconds >= check.within:
            wrong = f"took {seconds:.3f} s, allowed {check.within:g} s"
        text = f"{wrong}: {answer}" if wrong else answer
        return CheckResult(passed=not wrong, asked=asked, answer=self._secrets.redact(text), seconds=seconds)

    async def _exchange(self, check: HttpCheck, target: Target) -> tuple[str, str]:
        """What is wrong with the answer (empty if nothing is), and the answer."""
        # The limit is for the whole exchange: a body that trickles in must not outlive it.
        with anyio.fail_after(check.timeout):
            async with await anyio.connect_tcp(*_place(target.address)) as stream:
                response, body = await _converse(stream, self._request(check, target), self._body(check))
        return _wrong(check, response, body), f"{response.status_code} {_shown(body)}"

    def _request(self, check: HttpCheck, target: Target) -> h11.Request:
        own = {"Accept": "*/*", "Host": target.host, "User-Agent": "comporta", "Connection": "close"}
        asked = {name: self._secrets.fill(value) for name, value in check.headers.items()}
        body = self._body(check)
        length = {"Content-Length": str(len(body))} if body or check.method in WITH_BODY else {}
        # By their names in small letters: what the check says replaces what would be said without it.
        headers = {name.lower(): (name, value) for name, value in (own | target.headers | length | asked).items()}
        return h11.Request(
            method=check.method, target=quote(check.path, safe=string.punctuation), headers=[*headers.values()]
        )

    def _body(self, check: HttpCheck) -> bytes:
        return self._secrets.fill(check.body).encode()


async def _converse(stream: ByteStream, request: h11.Request, body: bytes) -> tuple[Head, bytes]:
    connection = h11.Connection(h11.CLIENT)
    sent = [connection.send(request), connection.send(h11.Data(body)) if body else b""]
    await stream.send(b"".join(part or b"" for part in (*sent, connection.send(h11.EndOfMessage()))))
    response: h11.Response | None = None
    received = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await _more(stream))
        elif isinstance(event, h11.InformationalResponse) and event.status_code == SWITCHED:
            return event, b""  # nothing that follows is HTTP any more
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            received += event.data
        ended = isinstance(event, h11.EndOfMessage) or len(received) > BODY_LIMIT
        if ended and response is not None:
            return response, received


async def _more(stream: ByteStream) -> bytes:
    """What came; nothing at the end of the stream, as h11 wants it."""
    try:
        return await stream.receive()
    except anyio.EndOfStream:
        return b""


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _wrong(check: HttpCheck, response: Head, body: bytes) -> str:
    status = response.status_code
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
    if status not in check.status if check.status else not 200 <= status < 300:
        return f"status {status}, wanted {' or '.join(map(str, check.status)) or '2xx'}"
    for name, value in check.expect_headers.items():
        if headers.get(name.lower()) != value:
            return f"header {name} is {headers.get(name.lower())!r}, wanted {value!r}"
    return _wrong_values(check, body) if check.expect else ""


def _wrong_values(check: HttpCheck, body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    for path, wanted in check.expect.items():
        try:
            found = value_at(document, path)
        except NotThere:
            return f"the answer has no {path}"
        if found != wanted or isinstance(found, bool) is not isinstance(wanted, bool):
            return f"{path} is {found!r}, wanted {wanted!r}"
    return ""


def _shown(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _cause(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came within {timeout:g} s"
    return root_cause(error)
