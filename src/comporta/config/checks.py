"""The shape of checks: of `health` and `smoke`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, JsonValue, Tag

from comporta.config.headers import HeaderName, HeaderValue
from comporta.config.part import Part
from comporta.config.types import Line, PositiveDuration, UrlPath
from comporta.model import checks
from comporta.model.spec import HealthSpec

HTTP = checks.HttpCheck(name="")
TCP = checks.TcpCheck(name="")
COMMAND = checks.CommandCheck(name="", run=())
HEALTH = HealthSpec(checks=())

Status = Annotated[int, Field(ge=100, le=599)]


class HttpCheck(Part):
    """A request whose answer must match. This is the kind of check unless `tcp` or `run` is there."""

    name: Line = Field(description="What it is called in the output.")
    path: UrlPath = Field(description="What to ask for.")
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="The method of the request."
    )
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="Headers to send besides Host.")
    body: str = Field(default=HTTP.body, description="The body to send.")
    status: list[Status] = Field(default=list(HTTP.status), description="Status codes that are right. Empty: any 2xx.")
    expect: dict[str, JsonValue] = Field(
        default={},
        description="JSON path (`status`, `data.items[0].id`) → the value that must stand there in the answer.",
    )
    expect_headers: dict[HeaderName, str] = Field(default={}, description="Header of the answer → its exact value.")
    within: PositiveDuration | None = Field(default=HTTP.within, description="The answer must take less than this.")
    timeout: PositiveDuration = Field(default=HTTP.timeout, description="How long one attempt may take.")


class TcpCheck(Part):
    """The port of the instance accepts a connection."""

    name: Line = Field(description="What it is called in the output.")
    tcp: Literal[True] = Field(description="`true`: this is the kind of check.")
    timeout: PositiveDuration = Field(default=TCP.timeout, description="How long one attempt may take.")


class CommandCheck(Part):
    """A program that must exit with 0. It is run in the folder of the config, without a shell."""

    name: Line = Field(description="What it is called in the output.")
    run: Annotated[list[str], Field(min_length=1)] = Field(
        description="The words of the command. They may hold `{url}`, `{address}`, `{host}`, `{slot}`, `{index}`, "
        "`{python}`."
    )
    timeout: PositiveDuration = Field(default=COMMAND.timeout, description="How long one attempt may take.")


def _kind(check: Any) -> str:
    keys = check if isinstance(check, dict) else {}
    return "<CommandCheck>" if "run" in keys else "<TcpCheck>" if "tcp" in keys else "<HttpCheck>"


Check = Annotated[
    Annotated[HttpCheck, Tag("<HttpCheck>")]
    | Annotated[TcpCheck, Tag("<TcpCheck>")]
    | Annotated[CommandCheck, Tag("<CommandCheck>")],
    Discriminator(_kind),
]


class Health(Part):
    """What must be true of each instance before it gets users, and of the router afterwards."""

    checks: Annotated[list[Check], Field(min_length=1)] = Field(
        description="Each must pass on each instance. A release without a check would be promoted without evidence. "
        "The first one is the liveness check, all that a rollback asks before its switch: let it depend on nothing "
        "but the instance."
    )
    timeout: PositiveDuration = Field(default=HEALTH.timeout, description="How long the checks may take to pass.")
    interval: PositiveDuration = Field(
        default=HEALTH.interval, description="The wait before a failed check is asked again."
    )
