"""The questions that a Docker Engine is asked, over HTTP. Paths carry no API version: the engine answers as it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec

from comporta.drivers.causes import root_cause
from comporta.model.errors import RuntimeFailure

BOUND = 60.0
"""Seconds for one answer."""
PING_BOUND = 10.0
"""Seconds within which an engine says that it is there."""
SILENCE = 900.0
"""Seconds without a word from a build or a pull after which it counts as hung."""


class Unreachable(RuntimeFailure):
    """The engine does not answer; what it was told last it may have done or not."""


class EngineError(RuntimeFailure):
    """The engine refused. `said` is its own text."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"cannot go on: the Docker Engine refused: {said}", next="`comporta doctor`")
        self.status = status
        self.said = said


class Api:
    """`url`: the engine's address, for people."""

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def ping(self) -> None:
        """Raises: Unreachable."""
        async with self._exchange("GET", "/_ping", {}, bound=PING_BOUND):
            return

    async def get(self, path: str, **params: Any) -> Any:
        return await self._ask("GET", path, params)

    async def find(self, path: str, **params: Any) -> Any:
        """As `get`; None where the engine knows no such thing."""
        try:
            return await self.get(path, **params)
        except EngineError as error:
            if error.status == httpx2.codes.NOT_FOUND:
                return None
            raise

    async def post(self, path: str, body: Any = None, *, bound: float = BOUND, **params: Any) -> Any:
        return await self._ask("POST", path, params, body=body, bound=bound)

    async def delete(self, path: str, **params: Any) -> None:
        """Gone when it returns, also if it was gone before."""
        try:
            await self._ask("DELETE", path, params)
        except EngineError as error:
            if error.status != httpx2.codes.NOT_FOUND:
                raise

    async def read(self, path: str, **params: Any) -> bytes:
        async with self._exchange("GET", path, params) as response:
            return await response.aread()

    async def download(self, path: str, **params: Any) -> AsyncGenerator[bytes, None]:
        async with self._exchange("GET", path, params, bound=SILENCE) as response:
            async for chunk in response.aiter_raw():
                yield chunk

    async def messages(
        self, path: str, *, content: AsyncIterator[bytes] | None = None, headers: Mapping[str, str], **params: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """What the engine says in the course of a build or a pull."""
        async with self._exchange("POST", path, params, content=content, headers=headers, bound=SILENCE) as response:
            async for line in response.aiter_lines():
                if line.strip():
                    yield self._read(line, dict[str, Any])

    async def _ask(
        self, method: str, path: str, params: Mapping[str, Any], *, body: Any = None, bound: float = BOUND
    ) -> Any:
        async with self._exchange(method, path, params, json=body, bound=bound) as response:
            content = await response.aread()
        return self._read(content, Any) if content.strip() else None

    def _read(self, content: bytes | str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RuntimeFailure(
                f"cannot read what the Docker Engine at {self._url} answers: {error}",
                next="`comporta doctor`; is it a Docker Engine that listens there?",
            ) from None

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, params: Mapping[str, Any], *, bound: float = BOUND, **request: Any
    ) -> AsyncIterator[httpx2.Response]:
        encoded = {name: _text(value) for name, value in params.items()}
        try:
            async with self._client.stream(method, path, params=encoded, timeout=bound, **request) as response:
                if response.is_error:
                    raise EngineError(response.status_code, _message(await response.aread()))
                yield response
        except httpx2.TimeoutException as error:
            raise Unreachable(
                f"cannot get an answer from the Docker Engine at {self._url}: it said nothing for {bound:g} s",
                next="`comporta doctor`, and the engine's log (`journalctl -u docker`)",
            ) from error
        except httpx2.TransportError as error:
            raise Unreachable(
                f"cannot reach the Docker Engine at {self._url}: {root_cause(error)}",
                next="`comporta doctor` looks at everything that is needed",
            ) from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _message(content: bytes) -> str:
    try:
        return str(msgspec.json.decode(content)["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return content.decode(errors="replace").strip() or "the engine gave no reason"
