"""The nginx router's part of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from comporta.drivers.routers.commands import Command

NginxTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(ms|s|m|h)$")]
"""As nginx writes times: "500ms", "60s", "5m"."""
NginxSize = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}[kmg]?$")]
"""As nginx writes sizes: "100m"; "0" is without limit."""


class ExternalNginx(BaseModel):
    """An nginx that is there already: where to put our file, how to test the whole, and how to reload it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path = Path("/etc/nginx/conf.d")
    test: Command = ("nginx", "-t")
    reload: Command = ("nginx", "-s", "reload")


class NginxOptions(BaseModel):
    """Without `external`, comporta runs an nginx of its own.

    Attributes:
        version_header: tell users in X-Comporta-Slot and X-Comporta-Release who answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    external: ExternalNginx | None = None
    version_header: bool = True
    client_max_body_size: NginxSize = "100m"
    connect_timeout: NginxTime = "2s"
    send_timeout: NginxTime = "60s"
    read_timeout: NginxTime = "60s"
