"""A signed POST of the facts as JSON, or of a CDEvent."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from comporta.drivers.causes import root_cause
from comporta.drivers.notifiers.cdevents import CONTENT_TYPE, cloud_event
from comporta.model.errors import NotifyFailure
from comporta.model.messages import Message
from comporta.ports.secrets import Secrets


class Webhook:
    """Implements the Notifier port. Any 2xx is success; a redirect is not followed, as it may lead to anybody.

    Args:
        url, secret: may hold `${NAME}`; without a secret nothing is signed.
        timeout: seconds for the whole exchange.
        format: "comporta": the facts; "cdevents": CDEvents in CloudEvents.
    """

    def __init__(self, url: str, secret: str, timeout: float, secrets: Secrets, format: str = "comporta") -> None:
        self._url = url
        self._secret = secret
        self._timeout = timeout
        self._secrets = secrets
        self._is_cdevents = format == "cdevents"

    async def send(self, message: Message) -> None:
        status = await self._post(self._secrets.fill(self._url), message)
        if not 200 <= status < 300:
            raise NotifyFailure(f"it answered with status {status}, wanted 2xx")

    async def _post(self, url: str, message: Message) -> int:
        import anyio
        import httpx2

        body = cloud_event(message) if self._is_cdevents else json.dumps(message.facts(), ensure_ascii=False).encode()
        try:
            # The limit is for the whole exchange: an answer that trickles in must not outlive it.
            with anyio.fail_after(self._timeout):
                async with (
                    httpx2.AsyncClient(timeout=self._timeout) as client,
                    client.stream("POST", url, content=body, headers=self._headers(message, body)) as response,
                ):
                    return response.status_code
        except (TimeoutError, httpx2.TimeoutException):
            raise NotifyFailure(f"it did not answer within {self._timeout:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise NotifyFailure(root_cause(error)) from error

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        kind = CONTENT_TYPE if self._is_cdevents else "application/json"
        headers = {"Content-Type": kind, "User-Agent": "comporta", "X-Comporta-Id": message.id}
        if self._secret:
            timestamp = str(int(time.time()))
            headers["X-Comporta-Timestamp"] = timestamp
            headers["X-Comporta-Signature"] = signature(self._secrets.fill(self._secret), timestamp, body)
        return headers


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 (hex) over timestamp, a dot, and the body: an old request cannot be used again."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
