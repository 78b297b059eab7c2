"""Questions to instances, and their answers."""

from __future__ import annotations

from typing import Any

from comporta.model.traffic import Slot
from comporta.model.values import Value


class Target(Value, frozen=True):
    """Whom a probe asks.

    Attributes:
        name: for people: "green-2", or "the router".
        address: host:port to connect to.
        host: the Host header to send, as users do.
        slot, index: the instance, when the target is one.
        headers: to send with every request over HTTP, beside the check's own.
    """

    name: str
    address: str
    host: str
    slot: Slot | None = None
    index: int | None = None
    headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class HttpCheck(Value, frozen=True, tag="http"):
    """A request whose answer must match.

    Attributes:
        status: accepted status codes; empty means any 2xx.
        expect: JSON path ("status", "data.items[0].id") → the value that must stand there.
        expect_headers: header → exact value.
        within: the answer must take less than this, in seconds; None: only the timeout counts.
        timeout: seconds for one attempt.
    """

    name: str
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    status: tuple[int, ...] = ()
    expect: dict[str, Any] = {}
    expect_headers: dict[str, str] = {}
    within: float | None = None
    timeout: float = 10.0


class TcpCheck(Value, frozen=True, tag="tcp"):
    """The port accepts a connection. `timeout` in seconds."""

    name: str
    timeout: float = 10.0


class CommandCheck(Value, frozen=True, tag="command"):
    """A program that must exit with 0. Words may hold {url}, {address}, {host}, {slot}, {index}, {python}.

    It is run without a shell, in the folder of the config file. `timeout` in seconds.
    """

    name: str
    run: tuple[str, ...]
    timeout: float = 60.0


Check = HttpCheck | TcpCheck | CommandCheck


class CheckResult(Value, frozen=True):
    """The answer to one attempt.

    Attributes:
        passed: the check is satisfied.
        asked: the question in one line: "GET http://127.0.0.1:8011/health".
        answer: what came back, in one line: '503 {"status": "error"}', or the reason why nothing did.
        seconds: how long the attempt took.
    """

    passed: bool
    asked: str
    answer: str
    seconds: float
