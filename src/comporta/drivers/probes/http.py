"""Ask over HTTP: status, headers, JSON values and the time it took."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from comporta.drivers.causes import root_cause
from comporta.drivers.probes.json_path import NotThere, value_at
from comporta.model.checks import CheckResult, HttpCheck, Target
from comporta.ports.secrets import Secrets

if TYPE_CHECKING:
    import httpx2

BODY_LIMIT = 1 << 20
"""Bytes of an answer that are read: a health endpoint says less."""
SHOWN = 300
"""Characters of an answer that are shown to a person."""


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
        import anyio
        import httpx2

        headers = {
            "Host": target.host,
            **target.headers,
            **{k: self._secrets.fill(v) for k, v in check.headers.items()},
        }
        content = self._secrets.fill(check.body)
        # The proxies of the environment are for the world outside, not for our own instances.
        transport = httpx2.AsyncHTTPTransport(verify=False, trust_env=False)
        # The limit is for the whole exchange: a body that trickles in must not outlive it.
        with anyio.fail_after(check.timeout):
            async with (
                httpx2.AsyncClient(transport=transport, timeout=check.timeout) as client,
                client.stream(check.method, target.url + check.path, headers=headers, content=content) as response,
            ):
                body = await _read(response)
        return _wrong(check, response, body), f"{response.status_code} {_shown(body)}"


async def _read(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > BODY_LIMIT:
            break
    return body


def _wrong(check: HttpCheck, response: httpx2.Response, body: bytes) -> str:
    status = response.status_code
    if status not in check.status if check.status else not 200 <= status < 300:
        return f"status {status}, wanted {' or '.join(map(str, check.status)) or '2xx'}"
    for name, value in check.expect_headers.items():
        if response.headers.get(name) != value:
            return f"header {name} is {response.headers.get(name)!r}, wanted {value!r}"
    return _wrong_values(check, body) if check.expect else ""


def _wrong_values(check: HttpCheck, body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
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
    import httpx2

    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return f"nothing came within {timeout:g} s"
    return root_cause(error)
