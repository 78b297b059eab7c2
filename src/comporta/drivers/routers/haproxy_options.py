"""The HAProxy router's part of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from comporta.drivers.routers.commands import Command

HaproxyTime = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,9}ms|[0-9]{1,6}s|[0-9]{1,4}m|[1-4]?[0-9]{1,2}h)$")]
"""As HAProxy writes times: "500ms", "60s", "5m". It takes no time of 25 days or more."""


class ExternalHaproxy(BaseModel):
    """An HAProxy that is there already: `haproxy -W -S <socket> -f <its own file> -f <directory>`.

    Attributes:
        directory: a folder that HAProxy reads with `-f`; comporta writes one file into it.
        test: tells whether HAProxy would accept all of its files.
        reload: makes HAProxy read them.
        socket: of HAProxy's master (`-S`). Not the `stats socket`: that one leads only to the newest worker, and those
            from before a reload still answer on the connections that they have.
        log: the file that HAProxy's standard output is appended to; comporta counts the requests in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path = Path("/etc/haproxy/conf.d")
    test: Command = ("haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/haproxy/conf.d")
    reload: Command = ("systemctl", "reload", "haproxy")
    socket: Path = Path("/run/haproxy-master.sock")
    log: Path = Path("/var/log/haproxy-requests.log")


class HaproxyOptions(BaseModel):
    """Without `external`, comporta runs an HAProxy of its own.

    Attributes:
        version_header: tell users in X-Comporta-Slot and X-Comporta-Release who answered.
        connect_timeout: for connecting to an instance.
        client_timeout: for anything that the client is to send, or to take; also for its idle connections.
        server_timeout: for anything that an instance is to send, or to take.
        tunnel_timeout: for silence on a WebSocket.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    external: ExternalHaproxy | None = None
    version_header: bool = True
    connect_timeout: HaproxyTime = "2s"
    client_timeout: HaproxyTime = "60s"
    server_timeout: HaproxyTime = "60s"
    tunnel_timeout: HaproxyTime = "1h"
