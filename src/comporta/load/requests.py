"""What is asked of the service: single requests, and scenarios whose requests depend on one another."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

import h11
from msgspec import Struct

from comporta.load.wire import Answer


class Address(Struct, frozen=True):
    """Where a URL leads: `host` and `port` to connect to, `authority` for the Host header, `target` to ask for."""

    host: str
    port: int
    authority: str
    target: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read a URL; raises ValueError for one that is not plain http."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"cannot send load to {url!r}: it must be an http:// URL")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, parts.port or 80, parts.netloc, target)


class Request(Struct, frozen=True):
    """A kind of request; `weight` is its share among the kinds, `expect` the statuses that count as an answer."""

    name: str
    method: str = "GET"
    path: str = "/"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    weight: float = 1.0
    expect: tuple[int, ...] = (200,)

    def head(self, authority: str) -> h11.Request:
        """The request line and headers as they go over the wire; a Host of its own replaces `authority`."""
        given = {name.lower() for name, _ in self.headers}
        headers = list(self.headers)
        if "host" not in given:
            headers.insert(0, ("Host", authority))
        if "content-length" not in given and (self.body or self.method in ("POST", "PUT", "PATCH")):
            headers.append(("Content-Length", str(len(self.body))))
        return h11.Request(method=self.method, target=self.path, headers=headers)


class Client(Protocol):
    """What a scenario is given; every request it makes is counted in the report."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        expect: tuple[int, ...] = (200,),
        name: str | None = None,
    ) -> Answer:
        """One request, counted as `name` (by default the scenario's). Raises RequestFailed."""


class Scenario(Struct, frozen=True):
    """A kind made of several requests, e.g. post a job, poll it, download its result.

    Its first request is due when the scenario is, each later one when `run` makes it.
    """

    name: str
    run: Callable[[Client], Awaitable[None]]
    weight: float = 1.0


class RequestFailed(Exception):  # named for what happened
    """A scenario's request failed; it is already counted. Not to be caught, unless the scenario can do without it."""
